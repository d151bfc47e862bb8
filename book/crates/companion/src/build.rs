//! `cargo book build`: the book as static pages.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use mdbook_driver::MDBook;
use mdbook_driver::config::Config;
use rustix::fs::FlockOperation;

use crate::repository;

/// Build the book into target/book, the same pages as `mdbook build`
///
/// All that is wrong with the pages is told at once, and no book is made then: exit code 1.
#[derive(clap::Args)]
pub struct Args {}

/// Builds the book. What the preprocessor finds wrong goes to stderr as it
/// comes; this then fails with a last line that says so.
pub fn run(_: Args) -> Result<ExitCode> {
    let root = repository::root()?;
    let folder = folder(&root)?;
    let _lock = Lock::take(&folder)?;
    MDBook::load(&root)
        .and_then(|book| book.build())
        .map_err(|error| error.context("the book is not built"))?;
    eprintln!("book built in {}", folder.display());
    Ok(ExitCode::SUCCESS)
}

/// The folder that the built pages go to, as book.toml says.
pub fn folder(root: &Path) -> Result<PathBuf> {
    let mut config = Config::from_disk(root.join("book.toml")).context("cannot read book.toml")?;
    config
        .update_from_env()
        .context("a variable MDBOOK_... is malformed")?;
    Ok(root.join(config.build.build_dir))
}

/// Held while the built pages change or are read as a whole: two builds at once
/// would mix their files.
pub struct Lock(#[expect(dead_code, reason = "the lock lives as long as the open file")] File);

impl Lock {
    /// Waits until no other build holds the pages in `folder`.
    pub fn take(folder: &Path) -> Result<Lock> {
        let path = folder.with_extension("lock");
        let what = || format!("cannot lock {}", path.display());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(what)?;
        }
        let file = File::create(&path).with_context(what)?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive).with_context(what)?;
        Ok(Lock(file))
    }
}
