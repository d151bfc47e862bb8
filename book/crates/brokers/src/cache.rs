//! The folder in which provisioned brokers are kept, and how programs share it.
//!
//! `FOLDER/rabbitmq/4.3.6/` is one installed version: it came there by one rename, so it is whole
//! or not there. What is being fetched lies in `FOLDER/rabbitmq/incoming/`, under the lock
//! `FOLDER/rabbitmq/lock`; whoever gets that lock removes what a killed program left behind.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::progress::{Step, note};
use crate::release::Release;
use crate::{Error, Kind};

/// The cache folder: `BOOK_CACHE`, or `messaging-book` in the user's cache folder. It is made
/// where it is missing.
///
/// # Errors
/// [`Error::CacheNotWritable`] when it cannot be made or written, or when neither `BOOK_CACHE`,
/// `XDG_CACHE_HOME` nor `HOME` is set.
pub fn folder() -> Result<PathBuf, Error> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let folder = set("BOOK_CACHE")
        .map(PathBuf::from)
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| PathBuf::from(cache).join("messaging-book")))
        .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".cache/messaging-book")))
        .ok_or_else(|| Error::CacheNotWritable {
            folder: PathBuf::from("$HOME/.cache/messaging-book"),
            reason: "HOME is not set".into(),
        })?;
    let folder = std::path::absolute(&folder).map_err(not_writable(&folder))?;
    let folder = Release::wanted()?.folder(folder);
    make(&folder)?;
    Ok(folder)
}

/// The folder for a broker whose scripts cannot stand a space in their path: the cache folder, or
/// where that has one, a private folder in /var/tmp.
///
/// # Errors
/// As [`folder`]; also when the folder in /var/tmp belongs to somebody else.
pub(crate) fn folder_without_space() -> Result<PathBuf, Error> {
    let folder = folder()?;
    if !folder.to_string_lossy().contains(char::is_whitespace) {
        return Ok(folder);
    }
    let user = rustix::process::getuid().as_raw();
    let fallback = PathBuf::from(format!("/var/tmp/messaging-book-{user}"));
    make(&fallback)?;
    let kept = Release::wanted()?.folder(fallback.clone());
    // Anybody can make a folder in /var/tmp, and what lies in this one is run.
    let data = std::fs::symlink_metadata(&fallback).map_err(not_writable(&fallback))?;
    if !data.is_dir() || data.uid() != user || data.mode() & 0o022 != 0 {
        return Err(Error::CacheNotWritable {
            folder: fallback,
            reason: "it is not a folder that only you can write".into(),
        });
    }
    make(&kept)?;
    Ok(kept)
}

/// Lends what is installed in the cache folder to another one, `other`, by links: a test gets
/// warm brokers of its own in it, and installs none twice.
///
/// # Errors
/// As [`folder`]; also when `other` cannot be written.
pub fn lend(other: &Path) -> Result<(), Error> {
    lend_release(Release::wanted()?, &folder()?, other)
}

/// From `installed`, which is the folder of that release already.
fn lend_release(release: Release, installed: &Path, other: &Path) -> Result<(), Error> {
    let other = release.folder(other.to_owned());
    make(&other)?;
    for kind in Kind::ALL {
        let shelf = installed.join(kind.name());
        make(&shelf)?;
        std::os::unix::fs::symlink(shelf, other.join(kind.name())).map_err(not_writable(&other))?;
    }
    Ok(())
}

fn make(folder: &Path) -> Result<(), Error> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(not_writable(folder))
}

fn not_writable(folder: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let folder = folder.to_owned();
    move |error| Error::CacheNotWritable {
        folder,
        reason: error.to_string(),
    }
}

/// One broker's part of the cache, locked against other programs.
pub(crate) struct Shelf {
    /// `FOLDER/rabbitmq`.
    pub(crate) folder: PathBuf,
    /// Where the next version is put together: empty at first.
    pub(crate) incoming: PathBuf,
    /// Held locked; the guards of the tools at work share it.
    pub(crate) lock: File,
}

impl Shelf {
    /// Takes the lock, waiting for another program where one holds it, and clears what a killed
    /// program left.
    pub(crate) async fn lock(kind: Kind, root: &Path) -> Result<Shelf, Error> {
        let folder = root.join(kind.name());
        let lock = lock_file(&folder)?;
        let lock = match lock.try_lock() {
            Ok(()) => lock,
            Err(std::fs::TryLockError::WouldBlock) => wait_for_lock(kind, lock).await?,
            Err(std::fs::TryLockError::Error(error)) => {
                return Err(not_writable(&folder)(error));
            }
        };
        let incoming = folder.join("incoming");
        if incoming.exists() {
            note(&format!(
                "clearing what an interrupted installation of {kind} left in the cache"
            ));
            std::fs::remove_dir_all(&incoming).map_err(not_writable(&incoming))?;
        }
        make(&incoming)?;
        Ok(Shelf {
            folder,
            incoming,
            lock,
        })
    }

    /// Puts a finished folder in its place, at once and whole.
    pub(crate) fn put(&self, ready: &Path, version: &str) -> Result<PathBuf, Error> {
        let place = self.folder.join(version);
        if place.exists() {
            std::fs::remove_dir_all(&place).map_err(not_writable(&place))?;
        }
        std::fs::rename(ready, &place).map_err(not_writable(&place))?;
        let _ = std::fs::remove_dir_all(&self.incoming);
        Ok(place)
    }

    /// Takes back what an attempt that failed has left, and makes room for the next one.
    pub(crate) fn clear(&self) -> Result<(), Error> {
        if self.incoming.exists() {
            std::fs::remove_dir_all(&self.incoming).map_err(not_writable(&self.incoming))?;
        }
        make(&self.incoming)
    }
}

async fn wait_for_lock(kind: Kind, lock: File) -> Result<File, Error> {
    let step = Step::begin(format!(
        "waiting for another program that is installing {kind}"
    ));
    let locked = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await;
    step.end();
    locked
        .map_err(std::io::Error::other)
        .and_then(|locked| locked)
        .map_err(Error::io("lock the cache folder"))
}

/// Clears what a program left that was killed between putting a version in its place and tidying
/// up, unless somebody is at work there.
pub(crate) fn tidy(kind: Kind, root: &Path) -> Result<(), Error> {
    let folder = root.join(kind.name());
    let incoming = folder.join("incoming");
    if !incoming.exists() {
        return Ok(());
    }
    // Locked until this returns: nobody begins an installation meanwhile.
    let lock = lock_file(&folder)?;
    if lock.try_lock().is_ok() && incoming.exists() {
        std::fs::remove_dir_all(&incoming).map_err(not_writable(&incoming))?;
    }
    Ok(())
}

fn lock_file(folder: &Path) -> Result<File, Error> {
    make(folder)?;
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join("lock"))
        .map_err(not_writable(folder))
}

/// The versions on a shelf, for example `4.3.6`, in no order. Nothing but whole versions has a
/// name that begins with a digit.
pub(crate) fn versions(kind: Kind, root: &Path) -> Vec<OsString> {
    let entries = std::fs::read_dir(root.join(kind.name()))
        .into_iter()
        .flatten()
        .flatten();
    entries
        .map(|entry| entry.file_name())
        .filter(|name| {
            name.to_string_lossy()
                .starts_with(|first: char| first.is_ascii_digit())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_is_lent_stands_where_each_release_looks_for_it() {
        for release in [Release::Newest, Release::Floor] {
            let (users, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let installed = release.folder(users.path().to_owned());
            std::fs::create_dir_all(installed.join("kafka/4.4.0")).unwrap();
            lend_release(release, &installed, other.path()).unwrap();
            let root = release.folder(other.path().to_owned());
            assert_eq!(versions(Kind::Kafka, &root), ["4.4.0"], "{release:?}");
        }
    }
}
