//! Free TCP ports on loopback.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

use crate::{Error, Kind};

/// Below the range from which Linux (32768 on) and macOS (49152 on) take the local ports of
/// outgoing connections: a port found here is not taken by a client a moment later.
const FIRST: u16 = 21_000;
const COUNT: u16 = 10_000;

/// Whether nothing listens on this port of loopback.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A free port, each time another one. Another program may still take it before the broker does, so
/// who starts a broker on it tries again with another one.
pub(crate) fn free() -> Result<u16, Error> {
    // The hasher's keys are random, which is all that is needed to keep programs that start
    // together apart.
    use std::hash::{BuildHasher, RandomState};
    // One that this program has had may be a killed broker's, which will come back to it.
    static HAD: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut had = HAD.lock().unwrap_or_else(PoisonError::into_inner);
    let start = RandomState::new().hash_one(std::process::id());
    let start = u16::try_from(start % u64::from(COUNT)).unwrap_or(0);
    (0..COUNT)
        .map(|step| FIRST + (start + step) % COUNT)
        .find(|&port| is_free(port) && had.insert(port))
        .ok_or_else(|| Error::Io {
            doing: format!("find a free port from {FIRST} to {}", FIRST + COUNT),
            source: std::io::ErrorKind::AddrInUse.into(),
        })
}

/// The port that was chosen, if it is free, or a free one.
pub(crate) fn choose(kind: Kind, chosen: Option<u16>) -> Result<u16, Error> {
    match chosen {
        Some(port) if is_free(port) => Ok(port),
        Some(port) => Err(Error::PortTaken { kind, port }),
        None => free(),
    }
}
