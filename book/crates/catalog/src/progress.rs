//! `.book/progress.json`: what a reader has done. It is the reader's own, and git ignores it.
//!
//! `{v, pages, runs, predict, exercises}`, each but the first by slug. What stands in it and is not
//! known here is kept as it is.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Catalog;

/// The version of the form.
const VERSION: u64 = 1;
const EXERCISES: &str = "exercises";

/// How far a reader has come. A change is written at once.
#[derive(Clone, Debug)]
pub struct Progress {
    folder: PathBuf,
}

/// How far a reader has come with an exercise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attempts {
    /// The last verdict; empty before the first.
    pub verdict: String,
    /// Whether it was ever passed.
    pub passed: bool,
    /// How often it was graded.
    pub runs: u32,
    /// How many hints were shown.
    pub hints: u32,
}

impl Catalog {
    /// The progress of whoever works in this folder.
    pub fn progress(&self) -> Progress {
        Progress {
            folder: self.root.join(".book"),
        }
    }
}

impl Progress {
    /// How far the reader has come with this exercise; nowhere where nothing is written.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn exercise(&self, id: &str) -> Result<Attempts> {
        attempts(&self.read()?, id).with_context(|| self.malformed())
    }

    /// Keeps a verdict of this exercise.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn graded(&self, id: &str, verdict: &str) -> Result<()> {
        self.change(id, |attempts| {
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
        self.change(id, |attempts| attempts.hints = attempts.hints.max(hints))
    }

    /// A file in the reader's own folder, which is made where there is none.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn own(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        let folder = path.parent().unwrap_or(&self.folder);
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(path)
    }

    fn path(&self) -> PathBuf {
        self.folder.join("progress.json")
    }

    fn malformed(&self) -> String {
        let path = self.path();
        format!(
            "{} is malformed; correct it, or move it away to begin anew",
            path.display()
        )
    }

    fn read(&self) -> Result<Map<String, Value>> {
        let path = self.path();
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Map::new()),
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let all: Map<String, Value> =
            serde_json::from_str(&text).with_context(|| self.malformed())?;
        match all.get("v").and_then(Value::as_u64) {
            Some(VERSION) => Ok(all),
            _ => bail!(
                "{} is of another version of the book; move it away to begin anew",
                path.display()
            ),
        }
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Attempts)) -> Result<()> {
        let path = self.own("progress.json")?;
        let _lock = lock(&self.own("progress.lock")?)?;
        let mut all = self.read()?;
        all.insert("v".into(), VERSION.into());
        let mut attempts = attempts(&all, id).with_context(|| self.malformed())?;
        change(&mut attempts);
        let exercises = all.entry(EXERCISES).or_insert_with(|| Map::new().into());
        let exercises = exercises
            .as_object_mut()
            .with_context(|| self.malformed())?;
        exercises.insert(id.to_owned(), serde_json::to_value(attempts)?);
        write_whole(&path, &all)
    }
}

/// Writes a value as JSON. It comes to its place as a whole.
///
/// # Errors
/// When the file cannot be written.
pub fn write_whole(path: &Path, value: &impl Serialize) -> Result<()> {
    let new = path.with_extension("new");
    let text = serde_json::to_string_pretty(value)? + "\n";
    std::fs::write(&new, text)
        .and_then(|()| std::fs::rename(&new, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn attempts(all: &Map<String, Value>, id: &str) -> Result<Attempts> {
    match all.get(EXERCISES).and_then(|exercises| exercises.get(id)) {
        None => Ok(Attempts::default()),
        Some(value) => Ok(serde_json::from_value(value.clone())?),
    }
}

/// Two programs do not write at the same time.
fn lock(path: &Path) -> Result<File> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .and_then(|file| file.lock().map(|()| file));
    file.with_context(|| format!("cannot lock {}", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn progress() -> (tempfile::TempDir, Progress) {
        let folder = tempfile::tempdir().unwrap();
        let progress = Progress {
            folder: folder.path().join(".book"),
        };
        (folder, progress)
    }

    #[test]
    fn what_was_passed_once_stays_passed() {
        let (_folder, progress) = progress();
        assert_eq!(progress.exercise("ex03-late").unwrap(), Attempts::default());
        for verdict in ["lost-message", "passed", "duplicate"] {
            progress.graded("ex03-late", verdict).unwrap();
        }
        progress.hinted("ex03-late", 2).unwrap();
        progress.hinted("ex03-late", 1).unwrap();
        let attempts = progress.exercise("ex03-late").unwrap();
        assert_eq!(attempts.verdict, "duplicate");
        assert!(attempts.passed);
        assert_eq!((attempts.runs, attempts.hints), (3, 2));
    }

    #[test]
    fn what_others_keep_there_stays() {
        let (_folder, progress) = progress();
        let path = progress.own("progress.json").unwrap();
        let text =
            r#"{"v": 1, "pages": {"ch01": true}, "exercises": {"ex01-a": {"passed": true}}}"#;
        std::fs::write(&path, text).unwrap();
        progress.graded("ex03-late", "hangs").unwrap();
        let all = progress.read().unwrap();
        assert_eq!(all["pages"]["ch01"], true);
        assert!(progress.exercise("ex01-a").unwrap().passed);
    }

    #[test]
    fn a_file_of_another_kind_is_left_alone() {
        let (_folder, progress) = progress();
        let path = progress.own("progress.json").unwrap();
        for (text, said) in [
            ("{\"v\": 2}", "another version"),
            ("{\"v\"", "malformed"),
            ("{\"v\": 1, \"exercises\": 7}", "malformed"),
            ("{\"v\": 1, \"exercises\": {\"ex03-late\": 7}}", "malformed"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = progress.graded("ex03-late", "hangs").unwrap_err();
            assert!(format!("{error:#}").contains(said), "{error:#}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn many_may_write_at_once() {
        let (_folder, progress) = progress();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| progress.graded("ex03-late", "hangs").unwrap());
            }
        });
        assert_eq!(progress.exercise("ex03-late").unwrap().runs, 8);
    }
}
