//! Whether a broker has room for its data.

use std::path::Path;

use crate::{Error, Kind};

/// RabbitMQ takes no message while less than 50 MB are free, and does not say so to who publishes.
const MEGABYTES: u32 = 64;

/// Whether as much is free on the disk of this folder as a broker needs.
pub fn has_room(folder: &Path) -> bool {
    let Ok(disk) = rustix::fs::statvfs(folder) else {
        return true;
    };
    // A file system that does not count, and one that cannot be asked, is not full.
    disk.f_blocks == 0 || disk.f_bavail * disk.f_frsize >= u64::from(MEGABYTES) * 1_000_000
}

/// The same where temporary files are kept, as brokers keep theirs there.
pub(crate) fn ensure(kind: Kind) -> Result<(), Error> {
    let folder = std::env::temp_dir();
    match has_room(&folder) {
        true => Ok(()),
        false => Err(Error::NoRoom {
            kind,
            megabytes: MEGABYTES,
            folder,
        }),
    }
}
