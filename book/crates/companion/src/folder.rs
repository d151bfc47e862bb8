//! A folder in which files are read and replaced, and nothing outside it: no name on the way to it is
//! a symbolic link, nor is a file in it, and a file that is written comes to its place as a whole.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::Context;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, fchmod, openat, renameat, unlinkat};
use rustix::io::Errno;

/// Why a file is not read or written.
#[derive(Debug)]
pub enum Trouble {
    /// It is, or lies behind, a symbolic link, or is no plain file.
    NoFile,
    /// There is no folder for it.
    NoFolder,
    /// It is longer than allowed.
    TooLong,
    /// It is not UTF-8.
    NoText,
    /// Something is wrong with this machine.
    Broken(anyhow::Error),
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Trouble {
        Trouble::Broken(error)
    }
}

impl Trouble {
    /// One sentence without its end, for the file of this name.
    pub fn said(self, file: &str) -> anyhow::Error {
        match self {
            Trouble::NoFile => anyhow::anyhow!(
                "{file} is a link, lies behind one, or is no plain file; put the file itself there"
            ),
            Trouble::NoFolder => anyhow::anyhow!("the folder of {file} is missing; make it"),
            Trouble::TooLong => anyhow::anyhow!("{file} is longer than 256 KiB; shorten it"),
            Trouble::NoText => anyhow::anyhow!("{file} is not UTF-8 text; save it as such"),
            Trouble::Broken(error) => error,
        }
    }
}

/// An open folder.
pub struct Folder(OwnedFd);

impl Folder {
    /// The folder of these names below `root`.
    pub fn open(root: &Path, names: &[&str]) -> Result<Folder, Trouble> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let top = openat(CWD, root, flags, Mode::empty());
        let mut folder = top.with_context(|| format!("cannot open {}", root.display()))?;
        for name in names {
            let inner = openat(&folder, *name, flags | OFlags::NOFOLLOW, Mode::empty());
            folder = inner.map_err(|error| trouble(error, Trouble::NoFolder))?;
        }
        Ok(Folder(folder))
    }

    /// The text of a file of at most this many bytes; none where there is none.
    pub fn read(&self, name: &str, limit: usize) -> Result<Option<String>, Trouble> {
        // A pipe would keep whoever opens it waiting.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.0, name, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            file => File::from(file.map_err(|error| trouble(error, Trouble::NoFile))?),
        };
        let about = file.metadata().context("cannot look at a file")?;
        if !about.is_file() {
            return Err(Trouble::NoFile);
        }
        let mut bytes = Vec::new();
        let mut whole = file.take(limit as u64 + 1);
        whole
            .read_to_end(&mut bytes)
            .context("cannot read a file")?;
        if bytes.len() > limit {
            return Err(Trouble::TooLong);
        }
        String::from_utf8(bytes)
            .map(Some)
            .map_err(|_| Trouble::NoText)
    }

    /// Puts a file with this text in the place of what has this name, with that one's permissions.
    pub fn write(&self, name: &str, text: &str) -> Result<(), Trouble> {
        let new = format!(".{name}.new");
        let mode = Mode::from_raw_mode(0o644);
        // What an earlier writer has left when it was killed, or what else stands there.
        match unlinkat(&self.0, &*new, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(trouble(error, Trouble::NoFile)),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(&self.0, &*new, flags, mode).context("cannot make a file")?;
        let mut file = File::from(file);
        if let Ok(old) = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            fchmod(&file, Mode::from_raw_mode(old.st_mode & 0o777))
                .context("cannot set a file's permissions")?;
        }
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            // Half of it would take room on a disk that has none.
            .inspect_err(|_| {
                let _ = unlinkat(&self.0, &*new, AtFlags::empty());
            })
            .context("cannot write a file; is the disk full?")?;
        renameat(&self.0, &*new, &self.0, name).context("cannot put a file in its place")?;
        Ok(())
    }
}

fn trouble(error: Errno, missing: Trouble) -> Trouble {
    match error {
        Errno::LOOP | Errno::NOTDIR | Errno::ISDIR | Errno::NXIO => Trouble::NoFile,
        Errno::NOENT => missing,
        other => Trouble::Broken(anyhow::Error::new(other).context("cannot open a file or folder")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_keeps_its_permissions() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b/main.rs");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let folder = Folder::open(root.path(), &["a", "b"]).unwrap();
        assert!(folder.read("main.rs", 9).unwrap().is_none());
        folder.write("main.rs", "old").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        // A killed writer's.
        std::fs::write(root.path().join("a/b/.main.rs.new"), "half").unwrap();
        folder.write("main.rs", "new").unwrap();
        assert_eq!(folder.read("main.rs", 3).unwrap().unwrap(), "new");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            std::fs::read_dir(root.path().join("a/b")).unwrap().count(),
            1
        );
        assert!(matches!(folder.read("main.rs", 2), Err(Trouble::TooLong)));
        std::fs::write(&path, [0xff]).unwrap();
        assert!(matches!(folder.read("main.rs", 9), Err(Trouble::NoText)));
    }

    #[test]
    fn no_link_is_followed() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        std::fs::create_dir_all(at("real/src")).unwrap();
        std::fs::write(at("outside"), "outside").unwrap();
        symlink(at("real"), at("linked")).unwrap();
        symlink(at("outside"), at("real/src/main.rs")).unwrap();
        symlink(at("outside"), at("real/src/.main.rs.new")).unwrap();
        let open = |names: &[&str]| Folder::open(root.path(), names);
        assert!(matches!(open(&["linked", "src"]), Err(Trouble::NoFile)));
        assert!(matches!(open(&["none"]), Err(Trouble::NoFolder)));
        assert!(matches!(open(&["outside"]), Err(Trouble::NoFile)));
        let folder = open(&["real", "src"]).unwrap();
        assert!(matches!(folder.read("main.rs", 99), Err(Trouble::NoFile)));
        folder.write("main.rs", "mine").unwrap();
        assert_eq!(folder.read("main.rs", 99).unwrap().unwrap(), "mine");
        assert_eq!(std::fs::read_to_string(at("outside")).unwrap(), "outside");
        std::fs::create_dir(at("real/src/folder")).unwrap();
        assert!(matches!(folder.read("folder", 99), Err(Trouble::NoFile)));
    }
}
