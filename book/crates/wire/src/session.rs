//! Connections: how long each was open.

use std::time::Duration;

/// A connection that a client has opened to the proxy. Times are since the proxy began to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its number, from 1, as in [`crate::Frame::connection`].
    pub connection: u32,
    /// When it was opened.
    pub opened: Duration,
    /// When it ended, by whomever; none while it is open.
    pub closed: Option<Duration>,
}
