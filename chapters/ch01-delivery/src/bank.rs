//! The bank: a folder with a file for each charge. It outlives the payments service, as the world
//! does.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The customer's bank.
pub struct Bank {
    folder: PathBuf,
}

impl Bank {
    /// The one in this folder.
    pub fn at(folder: &Path) -> Bank {
        Bank {
            folder: folder.to_owned(),
        }
    }

    /// Charges an order, as often as it is told to.
    pub fn charge(&self, order: u32) -> Result<()> {
        let number = self.charges()? + 1;
        let made = self.make(&format!("o-{order} charge {number}"))?;
        debug_assert!(made, "the number is new");
        Ok(())
    }

    // ANCHOR: key
    /// Charges an order under a name that the bank has not seen before; false where it has. To look
    /// and to write is one step of the file system: nobody can come in between.
    pub fn charge_once(&self, name: &str) -> Result<bool> {
        self.make(name)
    }
    // ANCHOR_END: key

    /// How many charges it has made.
    pub fn charges(&self) -> Result<usize> {
        let entries = std::fs::read_dir(&self.folder).context("cannot ask the bank")?;
        Ok(entries.count())
    }

    fn make(&self, name: &str) -> Result<bool> {
        let mut options = OpenOptions::new();
        match options
            .write(true)
            .create_new(true)
            .open(self.folder.join(name))
        {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error).context("cannot reach the bank"),
        }
    }
}
