//! The reader's own file of an exercise: `exercises/ID/src/main.rs`, read and replaced. Commands and
//! pages go through this, and so at most one of them writes at a time.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use catalog::{Catalog, Exercise, Progress};
use sha2::{Digest, Sha256};

use crate::folder::{Folder, Trouble};

/// How long an answer may be, in bytes.
pub const LIMIT: usize = 256 * 1024;
/// The version of a file that is not there.
const NONE: &str = "none";

/// What is in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Its text; empty where there is no file.
    pub text: String,
    /// What tells it from any other text.
    pub version: String,
}

impl Text {
    fn of(text: String) -> Text {
        let version = version(&text);
        Text { text, version }
    }
}

/// Tells a text from any other.
pub fn version(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The answer to one exercise. Nobody else writes it while this lives.
pub struct Answer {
    folder: Folder,
    id: String,
    stub: PathBuf,
    shown: String,
    progress: Progress,
    _lock: File,
}

/// What became of a request to replace the file.
#[derive(Debug, PartialEq, Eq)]
pub enum Replaced {
    /// It is replaced.
    Done(Text),
    /// It is not what the writer has seen: this is in it.
    Changed(Text),
}

impl Answer {
    /// The answer to this exercise, once no other program has it.
    pub fn take(catalog: &Catalog, exercise: &Exercise) -> Result<Answer, Trouble> {
        let progress = catalog.progress();
        Ok(Answer {
            folder: Folder::open(catalog.root(), &["exercises", &exercise.id, "src"])?,
            stub: exercise.stub(),
            shown: catalog.shown(&exercise.stub()),
            id: exercise.id.clone(),
            _lock: progress.lock("answers.lock")?,
            progress,
        })
    }

    /// What is in the file now.
    pub fn read(&self) -> Result<Text, Trouble> {
        match self.folder.read("main.rs", LIMIT)? {
            Some(text) => Ok(Text::of(text)),
            None => Ok(Text {
                text: String::new(),
                version: NONE.to_owned(),
            }),
        }
    }

    /// Writes this text, unless the file is another one than `seen`.
    pub fn replace(&self, text: &str, seen: &str) -> Result<Replaced, Trouble> {
        let now = self.read()?;
        if now.version != seen && now.text != text {
            return Ok(Replaced::Changed(now));
        }
        if now.text != text || now.version == NONE {
            self.folder.write("main.rs", text)?;
        }
        Ok(Replaced::Done(Text::of(text.to_owned())))
    }

    /// The stub of record.
    pub fn stub(&self) -> Result<Text, Trouble> {
        let text = std::fs::read_to_string(&self.stub);
        let text = text.with_context(|| format!("cannot read {}", self.shown))?;
        Ok(Text::of(text))
    }

    /// Keeps a copy of what is in the file, where there is something, and puts the stub in its place.
    /// Gives where the copy is.
    pub fn reset(&self) -> Result<Option<PathBuf>, Trouble> {
        let (own, stub) = (self.read()?, self.stub()?);
        let copy = (!own.text.is_empty() && own != stub)
            .then(|| self.keep(&own.text))
            .transpose()?;
        self.folder.write("main.rs", &stub.text)?;
        Ok(copy)
    }

    fn keep(&self, text: &str) -> Result<PathBuf, Trouble> {
        let path = self.progress.free(&format!("answers/{}", self.id), "rs")?;
        // A new file: what a link there leads to stays.
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let written = file.and_then(|mut file| {
            let all = file.write_all(text.as_bytes());
            // On the disk before the stub takes its place. Half of it would be taken for a copy.
            all.and_then(|()| file.sync_all())
                .inspect_err(|_| drop(std::fs::remove_file(&path)))
        });
        written.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}
