//! The knob of the listing.

use clap::{Parser, ValueEnum};

/// Six orders, two services, one of them late: through a channel, a queue or a log.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// What the orders go through
    #[arg(long, value_enum, default_value_t = Through::Channel)]
    pub through: Through,
}

/// The three shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Through {
    /// A subject of core NATS
    Channel,
    /// A quorum queue of RabbitMQ
    Queue,
    /// A topic of Kafka; needs the feature `kafka`
    Log,
    /// A log again: a stream of NATS JetStream
    Stream,
}

/// What to type where this program was built without Kafka's client.
#[cfg(not(feature = "kafka"))]
pub fn with_client() -> String {
    let package = env!("CARGO_PKG_NAME");
    let words: Vec<String> = std::env::args().skip(1).collect();
    format!(
        "this program was built without Kafka's client; build it with:\n  \
         cargo run -p {package} --features kafka -- {}",
        words.join(" ")
    )
}
