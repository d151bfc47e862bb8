//! `.book/progress.json`: what a reader has done. It is the reader's own, and git ignores it.
//!
//! `{v, pages, runs, predict, exercises}`, each but the first by slug. What stands in it and is not
//! known here is kept as it is.

mod outline;
mod record;
#[cfg(test)]
mod tests;

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::Catalog;
pub use outline::{Figures, Stop};
pub use record::{Answer, Attempts, Record};

/// The version of the form.
const VERSION: u64 = 1;
/// The largest file that is taken in, in bytes. One with everything done has about 20,000.
const LIMIT: usize = 60_000;
/// How long another program may have a file locked.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often to look whether it has let go.
const LOOK: Duration = Duration::from_millis(20);
/// Names another folder than `.book` for the reader's own files.
const VARIABLE: &str = "BOOK_OWN";
/// A run with knobs that no recorded run has.
const OTHER_KNOBS: &str = "*";

/// How far a reader has come. A change is written at once.
#[derive(Clone, Debug)]
pub struct Progress {
    folder: PathBuf,
}

impl Catalog {
    /// The progress of whoever works in this folder.
    pub fn progress(&self) -> Progress {
        let named = std::env::var_os(VARIABLE).filter(|folder| !folder.is_empty());
        let folder = named.map_or_else(|| ".book".into(), PathBuf::from);
        Progress {
            folder: self.root.join(folder),
        }
    }
}

impl Progress {
    /// All that the reader has done; nothing where nothing is written.
    ///
    /// # Errors
    /// When the file cannot be read, or is of another form.
    pub fn record(&self) -> Result<Record> {
        Ok(self.read()?.1)
    }

    /// How far the reader has come with this exercise.
    ///
    /// # Errors
    /// As for [`Progress::record`].
    pub fn exercise(&self, id: &str) -> Result<Attempts> {
        Ok(self.record()?.exercises.remove(id).unwrap_or_default())
    }

    /// Keeps a verdict of this exercise.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn graded(&self, id: &str, verdict: &str) -> Result<()> {
        self.attempt(id, |attempts| {
            verdict.clone_into(&mut attempts.verdict);
            attempts.passed |= verdict == "passed";
            attempts.runs += 1;
        })
    }

    /// Keeps how many hints of this exercise were shown.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn hinted(&self, id: &str, hints: u32) -> Result<()> {
        self.attempt(id, |attempts| attempts.hints = attempts.hints.max(hints))
    }

    /// Keeps that the end of this page was reached.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn reached_end(&self, page: &str) -> Result<()> {
        self.change(|all, _| {
            part(all, "pages")?.insert(page.to_owned(), true.into());
            Ok(())
        })
    }

    /// Keeps that a listing has run to its end: as this recorded run does, or with other knobs.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn ran(&self, listing: &str, run: Option<&str>) -> Result<()> {
        let run = run.unwrap_or(OTHER_KNOBS);
        self.change(|all, done| {
            let before = done.runs.get(listing).and_then(|runs| runs.get(run));
            let times = before.map_or(1, |times| times.saturating_add(1));
            part(part(all, "runs")?, listing)?.insert(run.to_owned(), times.into());
            Ok(())
        })
    }

    /// Keeps the answer to a prediction (`CHAPTER/ID`) that a page asks for. Pages that ask for the
    /// same one have an answer each.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn predicted(&self, page: &str, prediction: &str, answer: &Answer) -> Result<()> {
        self.change(|all, _| set(part(part(all, "predict")?, page)?, prediction, answer))
    }

    /// The file's text, to be kept elsewhere.
    ///
    /// # Errors
    /// As for [`Progress::record`].
    pub fn export(&self) -> Result<String> {
        let (mut all, _) = self.read()?;
        all.insert("v".into(), VERSION.into());
        text(&all)
    }

    /// Takes what [`Progress::export`] gave in the place of what is there. Gives the copy of that.
    ///
    /// # Errors
    /// When the text is none of this book's, too large, or cannot be written. Nothing has changed then.
    pub fn import(&self, new: &str) -> Result<Option<PathBuf>> {
        if new.len() > LIMIT {
            bail!(
                "it is no progress of this book: it has {} bytes, and one has at most {LIMIT}",
                new.len()
            );
        }
        let (all, _) = record::parse(new).context("it is no progress of this book")?;
        let (path, _lock) = self.locked()?;
        let copy = self.copy(&path)?;
        write_whole(&path, &all)?;
        Ok(copy)
    }

    /// Begins anew. Gives the copy of what was there, if there was something.
    ///
    /// # Errors
    /// When the copy cannot be written, or the file not taken away.
    pub fn reset(&self) -> Result<Option<PathBuf>> {
        let (path, _lock) = self.locked()?;
        let copy = self.copy(&path)?;
        if copy.is_some() {
            std::fs::remove_file(&path)
                .with_context(|| format!("cannot take {} away", path.display()))?;
        }
        Ok(copy)
    }

    /// A file in the reader's own folder, which is made where there is none.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn own(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        let folder = path.parent().unwrap_or(&self.folder);
        // Nobody else's to read: drafts are in it.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(path)
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.folder.join("progress.json")
    }

    /// A name in the reader's own folder that no file has: `answers/ex03-once` and `rs` give
    /// `answers/ex03-once-1.rs`, or a higher number.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn free(&self, stem: &str, ending: &str) -> Result<PathBuf> {
        let mut number = 1;
        loop {
            let path = self.own(&format!("{stem}-{number}.{ending}"))?;
            if !path.exists() {
                return Ok(path);
            }
            number += 1;
        }
    }

    /// The file as it is, unknown parts and all, and what is known of it.
    fn read(&self) -> Result<(Map<String, Value>, Record)> {
        let path = self.path();
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Default::default());
            }
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        record::parse(&text).with_context(|| {
            format!(
                "{} is malformed; correct it, or begin anew with `cargo book progress --reset`, which \
                 keeps a copy",
                path.display()
            )
        })
    }

    /// The file's path, and a lock that other programs wait for.
    fn locked(&self) -> Result<(PathBuf, File)> {
        let path = self.own("progress.json")?;
        Ok((path, self.lock("progress.lock")?))
    }

    /// Waits until no other program has locked this file of the reader's own, and locks it, so that two
    /// programs do not write at the same time.
    ///
    /// # Errors
    /// When it cannot be made, or another program has it locked for longer than five seconds.
    pub fn lock(&self, name: &str) -> Result<File> {
        let path = self.own(name)?;
        let failed = || format!("cannot lock {}", path.display());
        let mut options = OpenOptions::new();
        let options = options.create(true).truncate(false).write(true);
        let file = options.open(&path).with_context(failed)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
                Err(TryLockError::WouldBlock) if begun.elapsed() > PATIENCE => {
                    bail!(
                        "another program has locked {}: end it, then try again",
                        path.display()
                    )
                }
                // poll: nothing tells when it is free.
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK),
            }
        }
    }

    fn copy(&self, path: &Path) -> Result<Option<PathBuf>> {
        if !path.exists() {
            return Ok(None);
        }
        let copy = self.free("progress", "json")?;
        std::fs::copy(path, &copy)
            .and_then(|_| File::open(&copy)?.sync_all())
            // Half a copy would be taken for a whole one.
            .inspect_err(|_| drop(std::fs::remove_file(&copy)))
            .with_context(|| format!("cannot write {}", copy.display()))?;
        Ok(Some(copy))
    }

    fn change(
        &self,
        change: impl FnOnce(&mut Map<String, Value>, Record) -> Result<()>,
    ) -> Result<()> {
        let (path, _lock) = self.locked()?;
        let (mut all, done) = self.read()?;
        all.insert("v".into(), VERSION.into());
        change(&mut all, done)?;
        write_whole(&path, &all)
    }

    fn attempt(&self, id: &str, change: impl FnOnce(&mut Attempts)) -> Result<()> {
        self.change(|all, mut done| {
            let mut attempts = done.exercises.remove(id).unwrap_or_default();
            change(&mut attempts);
            set(part(all, "exercises")?, id, &attempts)
        })
    }
}

/// The object of this name, made where there is none.
fn part<'a>(all: &'a mut Map<String, Value>, name: &str) -> Result<&'a mut Map<String, Value>> {
    let part = all.entry(name).or_insert_with(|| Map::new().into());
    part.as_object_mut()
        .with_context(|| format!("{name} is no object"))
}

/// Sets the fields of an entry; it keeps those that are not known here.
fn set(all: &mut Map<String, Value>, name: &str, value: &impl Serialize) -> Result<()> {
    let entry = part(all, name)?;
    if let Value::Object(fields) = serde_json::to_value(value)? {
        entry.extend(fields);
    }
    Ok(())
}

/// Writes a value as JSON. It comes to its place as a whole.
///
/// # Errors
/// When the file cannot be written.
pub fn write_whole(path: &Path, value: &impl Serialize) -> Result<()> {
    let (new, text) = (path.with_extension("new"), text(value)?);
    let written = File::create(&new).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        // Else the machine's end could leave an empty file in its place.
        file.sync_all()?;
        std::fs::rename(&new, path)
    });
    written
        .inspect_err(|_| drop(std::fs::remove_file(&new)))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn text(value: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}
