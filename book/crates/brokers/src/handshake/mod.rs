//! The first words of each protocol, written out: enough to tell whether a broker is there, lets
//! us in, and how old it is. A chapter crate must not compile three clients to ask that.

pub(crate) mod amqp;
pub(crate) mod kafka;
pub(crate) mod nats;

use std::time::Duration;

/// How long a broker may take to answer a greeting.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// The longest answer that is read: far above what a broker says at this point.
pub(crate) const LONGEST: usize = 1 << 20;
