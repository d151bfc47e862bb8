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
    /// A topic of Kafka
    Log,
    /// A log again: a stream of NATS JetStream
    Stream,
}
