//! A folder for what a program needs while it runs.
//!
//! It goes with its value. A program that is killed drops no value, so whoever makes the next folder
//! removes those that nobody holds. To hold one is to have it locked: the operating system lets go of
//! a lock however its program ends. A process id in the name would tell less: it is given out again,
//! and a container that shares the folder has ids of its own.

use std::fs::{File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use tempfile::TempDir;

use crate::Error;

/// What the names of these folders begin with, and those of the brokers' data. Nothing else may have
/// such a name where temporary files are kept: it would be removed. A lock is known to one kernel, and
/// such a folder may be shared with another machine, so the names have the kernel's number in them. What
/// was left before a restart of the machine stays.
pub(crate) fn prefix() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let name = || {
        rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned()
    };
    let kernel = boot.get(..8).map_or_else(name, str::to_owned);
    format!("messaging-book.{kernel}.")
}

/// A younger folder may be one that its program has made and not locked yet.
const YOUNG: Duration = Duration::from_secs(60);

/// A folder that only this user can enter, empty at first.
#[derive(Debug)]
pub struct Scratch {
    // In this order: it is held until it is gone.
    folder: TempDir,
    _held: File,
}

impl Scratch {
    /// Makes one where temporary files are kept.
    ///
    /// # Errors
    /// When it cannot be made or locked.
    pub fn new() -> Result<Scratch, Error> {
        sweep();
        let folder = tempfile::Builder::new()
            .prefix(&prefix())
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .map_err(Error::io("make a temporary folder"))?;
        let held = hold(folder.path())?;
        Ok(Scratch {
            folder,
            _held: held,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Locks a folder. It is held as long as the file is open.
pub(crate) fn hold(folder: &Path) -> Result<File, Error> {
    File::open(folder)
        .and_then(|file| file.lock().map(|()| file))
        .map_err(Error::io(format!("lock {}", folder.display())))
}

/// Removes what programs have left that could not do so. Once in each program is enough. Nobody waits
/// for it, as it may be much: what this program does not come to is left to the next one.
pub(crate) fn sweep() {
    static SWEPT: Once = Once::new();
    SWEPT.call_once(|| drop(std::thread::spawn(|| sweep_in(&std::env::temp_dir()))));
}

fn sweep_in(top: &Path) {
    let prefix = prefix();
    for entry in std::fs::read_dir(top).into_iter().flatten().flatten() {
        let folder = entry.path();
        let is_named = entry.file_name().to_string_lossy().starts_with(&prefix);
        if is_named && let Some(_held) = left(&folder) {
            // What cannot be removed stays for the next program.
            let _ = std::fs::remove_dir_all(&folder);
        }
    }
}

/// Locks a folder of this user's that nobody holds and that is old enough.
fn left(folder: &Path) -> Option<File> {
    // Of a link itself, not of what it leads to.
    let about = std::fs::symlink_metadata(folder).ok()?;
    let is_own = about.is_dir() && about.uid() == rustix::process::getuid().as_raw();
    let age = about.modified().ok()?.elapsed().ok()?;
    if !is_own || age <= YOUNG {
        return None;
    }
    let file = File::open(folder).ok()?;
    file.try_lock().is_ok().then_some(file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::PathBuf;
    use std::time::{Instant, SystemTime};

    use super::*;

    /// A folder of this name with something in it, last changed two minutes ago.
    fn old(top: &Path, name: &str) -> PathBuf {
        let folder = top.join(name);
        std::fs::create_dir_all(folder.join("inside")).unwrap();
        let changed = SystemTime::now() - 2 * YOUNG;
        let opened = File::open(&folder).unwrap();
        opened.set_modified(changed).unwrap();
        folder
    }

    #[test]
    fn what_nobody_holds_is_removed_and_nothing_else() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path();
        let name = |end| format!("{}{end}", prefix());
        let left = old(top, &name("left"));
        let held = old(top, &name("held"));
        let other = old(top, "messaging-book.another.left");
        let young = top.join(name("young"));
        std::fs::create_dir(&young).unwrap();
        let link = top.join(name("link"));
        std::os::unix::fs::symlink(&other, &link).unwrap();
        let lock = hold(&held).unwrap();
        sweep_in(top);
        assert!(!left.exists());
        for kept in [&held, &other.join("inside"), &young, &link] {
            assert!(kept.exists(), "{}", kept.display());
        }
        drop(lock);
        // A program that another test is just starting may have the lock a moment longer.
        let since = Instant::now();
        while held.exists() && since.elapsed() < Duration::from_secs(10) {
            sweep_in(top);
        }
        assert!(!held.exists());
    }

    #[test]
    fn it_is_private_and_goes_with_its_value() {
        let scratch = Scratch::new().unwrap();
        let path = scratch.path().to_owned();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        drop(scratch);
        assert!(!path.exists());
    }
}
