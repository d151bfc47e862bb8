//! How much is free on a disk.

use std::path::Path;

use crate::Error;

/// RabbitMQ's `disk_free_limit`, in bytes. With less it takes no message, and who publishes waits for a
/// confirm that does not come. Most programs do not listen to `connection.blocked`, which tells why.
const LIMIT: u64 = 50_000_000;
/// What must be free where RabbitMQ starts: that, and some room for what it stores.
const MEGABYTES: u32 = 64;

/// The bytes that are free on the disk of this folder. None where the file system does not count them,
/// or cannot be asked.
pub(crate) fn free(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    (disk.f_blocks > 0).then_some(disk.f_bavail * disk.f_frsize)
}

/// Whether so little is free where temporary files are kept that a RabbitMQ which has its data there
/// takes no message.
pub fn is_full() -> bool {
    free(&std::env::temp_dir()).is_some_and(|free| free < LIMIT)
}

/// Whether a RabbitMQ can work whose data is kept there.
pub(crate) fn ensure() -> Result<(), Error> {
    let folder = std::env::temp_dir();
    match free(&folder) {
        Some(free) if free < u64::from(MEGABYTES) * 1_000_000 => Err(Error::NoRoom {
            megabytes: MEGABYTES,
            folder,
        }),
        _ => Ok(()),
    }
}
