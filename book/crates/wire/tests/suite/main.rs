//! The proxy before servers of its own and before real brokers.
#![allow(clippy::unwrap_used)]

mod acts;
mod amqp;
mod kafka;
mod nats;
mod weather;

use std::time::Duration;

/// How long something may take that comes soon.
const LONG: Duration = Duration::from_secs(60);
