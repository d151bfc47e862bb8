//! The only reader of the repository's folder names.
//!
//! A chapter is a folder: `chapters/ch03-rabbit-queue` is the package, the page
//! `book/src/ch03-rabbit-queue.md` has its name, and nothing registers it anywhere.
//! Whatever needs a listing, a transcript, a prediction or a claim asks the [`Catalog`],
//! so a rename is a rename, and what is missing is told with its file, line and fix.

mod chapter;
mod claims;
mod exercise;
mod files;
mod glossary;
mod markdown;
mod misconceptions;
mod page;
mod predict;
mod progress;
mod recorded;
mod settings;
mod snippet;
mod transcript;
mod verified;
mod wire;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

pub use chapter::Chapter;
pub use claims::{Claim, ClaimId, Where};
pub use exercise::{Exercise, Naive, Rung};
pub use files::nearest;
pub use glossary::Term;
pub use markdown::{Directive, Mark, directives, prose};
pub use misconceptions::Misconception;
pub use page::{Head, Level, Page};
pub use predict::{Choice, Fact, Predict};
pub use progress::{Answer, Attempts, Figures, Progress, Record, Stop, write_whole};
pub use recorded::shape;
pub use settings::{SetHere, Setting, Settings};
pub use snippet::{Anchor, DEFAULT_FILE, Snippet};
pub use transcript::{Line, Run, Transcript, Version, canonical, errors};
pub use verified::Verified;
pub use wire::{Frame, NoFrame, Wire};

/// The repository as its folders tell it.
#[derive(Clone, Debug)]
pub struct Catalog {
    root: PathBuf,
    chapters: Vec<Chapter>,
}

impl Catalog {
    /// Reads the repository whose top folder is `root`.
    ///
    /// # Errors
    /// When `root` is not the book's folder, or a chapter's manifest cannot be read.
    pub fn open(root: &Path) -> Result<Catalog> {
        if !is_root(root) {
            bail!(
                "{} is not the book's folder: it needs book.toml and chapters/",
                root.display()
            );
        }
        Ok(Catalog {
            root: root.to_owned(),
            chapters: chapter::read_all(root)?,
        })
    }

    /// Reads the repository that the current folder lies in.
    ///
    /// # Errors
    /// When no folder from the current one upward is the book's, or as for [`Catalog::open`].
    pub fn find() -> Result<Catalog> {
        let here =
            std::env::current_dir().context("the current folder is gone; change to another")?;
        let Some(root) = here.ancestors().find(|folder| is_root(folder)) else {
            bail!(
                "neither {} nor a folder above it has book.toml and chapters/; \
                 change to the book's folder and run the command again",
                here.display()
            );
        };
        Catalog::open(root)
    }

    /// The book's top folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// All chapters, sorted by id.
    pub fn chapters(&self) -> &[Chapter] {
        &self.chapters
    }

    /// The chapter with this id, such as `ch03-rabbit-queue`.
    ///
    /// # Errors
    /// When there is none; the message names the nearest id.
    pub fn chapter(&self, id: &str) -> Result<&Chapter> {
        if let Some(chapter) = self.chapters.iter().find(|chapter| chapter.id == id) {
            return Ok(chapter);
        }
        let ids: Vec<&str> = self
            .chapters
            .iter()
            .map(|chapter| chapter.id.as_str())
            .collect();
        bail!("there is no chapter `{id}`; {}", files::instead(id, &ids));
    }

    /// `path` as seen from the top folder, for messages.
    pub fn shown(&self, path: &Path) -> String {
        files::shown(&self.root, path)
    }
}

fn is_root(folder: &Path) -> bool {
    folder.join("book.toml").is_file() && folder.join("chapters").is_dir()
}

#[cfg(test)]
mod tests;
