//! Builds for the server, each by a program of its own: `cargo book build`.
//!
//! That program is the leader of a process group, with the preprocessor and the
//! compiler in it, so that the server's end can end them too.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use super::site::Site;
use crate::build;
use brokers::Group;

/// Builds the book of one repository, again and again.
pub struct Builder {
    root: PathBuf,
    program: PathBuf,
    builds: u64,
}

impl Builder {
    /// A builder for the repository at `root`.
    pub fn new(root: PathBuf) -> Result<Builder> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        // Another server's builds have other numbers: a page that outlives its server
        // takes the next one's book.
        let begun = SystemTime::now().duration_since(UNIX_EPOCH);
        let builds = begun.map_or(0, |it| it.as_secs() * 1000);
        Ok(Builder {
            root,
            program,
            builds,
        })
    }

    /// The repository's top folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Builds the book and reads it in. What is wrong with the book is on stderr by
    /// the time this fails. A build that is dropped half-way is killed.
    pub async fn build(&mut self) -> Result<Site> {
        let mut command = Command::new(&self.program);
        command.arg("build").current_dir(&self.root);
        let mut group = Group::spawn(&mut command).context("cannot start the build")?;
        let status = group.wait().await.context("cannot wait for the build")?;
        ensure!(status.success(), "the build failed");
        self.builds += 1;
        let (folder, build) = (build::folder(&self.root)?, self.builds);
        tokio::task::spawn_blocking(move || {
            let _lock = build::Lock::take(&folder)?;
            Site::load(&folder, build)
        })
        .await
        .context("the built book was not read")?
    }
}
