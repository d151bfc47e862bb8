//! What a reader has typed and not saved, kept under `.book/`: the address of a page, and with it what
//! a browser keeps for it, changes with the server's port.

use std::fs::File;

use anyhow::Context;
use catalog::{Catalog, Exercise};
use serde::{Deserialize, Serialize};

use crate::folder::{Folder, Trouble};

/// How long the file of a draft may be, in bytes: its text, escaped, and its history.
const LIMIT: usize = 2 * 1024 * 1024;

/// What an editor holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// The version of the file from which it has begun.
    pub base: String,
    /// Its text.
    pub text: String,
    /// When it was typed, in milliseconds of the browser's clock.
    pub at: u64,
    /// What can be undone, in the editor's own form.
    pub history: Option<String>,
}

/// A draft that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// One more than that of the draft before it.
    pub number: u64,
    /// What was kept.
    pub draft: Draft,
}

/// The drafts of one exercise. Nobody else writes one while this lives.
pub struct Drafts {
    folder: Folder,
    name: String,
    _lock: File,
}

impl Drafts {
    /// Those of this exercise.
    pub fn open(catalog: &Catalog, exercise: &Exercise) -> Result<Drafts, Trouble> {
        let name = format!("{}.json", exercise.id);
        let progress = catalog.progress();
        let file = progress.own(&format!("drafts/{name}"))?;
        let own = file.ancestors().nth(2);
        let own = own.context("a draft lies in no folder")?;
        Ok(Drafts {
            _lock: progress.lock("drafts.lock")?,
            folder: Folder::open(own, &["drafts"])?,
            name,
        })
    }

    /// The newest one. A file that is no draft is none.
    pub fn newest(&self) -> Result<Option<Kept>, Trouble> {
        let text = self.folder.read(&self.name, LIMIT)?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Keeps a draft, unless the newest one is another than the writer has seen: then gives that.
    pub fn keep(&self, draft: Draft, seen: u64) -> Result<Result<u64, Kept>, Trouble> {
        let number = match self.newest()? {
            Some(newest) if newest.number != seen && newest.draft.text != draft.text => {
                return Ok(Err(newest));
            }
            Some(newest) => newest.number + 1,
            None => seen + 1,
        };
        let kept = Kept { number, draft };
        let json = serde_json::to_string(&kept).map_err(anyhow::Error::new)?;
        self.folder.write(&self.name, &json)?;
        Ok(Ok(number))
    }
}
