//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// A consumer stalls, one order comes again, it recovers; the broker's own numbers, four times.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// Whose numbers
    #[arg(long, value_enum, default_value_t = From::Nats)]
    pub broker: From,

    /// How many orders inventory takes before it is done with them
    #[arg(long, value_enum, default_value_t = Takes::One)]
    pub takes: Takes,
}

/// The brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum From {
    /// A consumer of NATS JetStream
    Nats,
    /// A quorum queue of RabbitMQ
    Rabbitmq,
    /// A consumer group of Kafka
    Kafka,
}

/// How many orders leave the broker at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Takes {
    /// One. With Kafka its offset is committed when it is done
    One,
    /// All that there are. With Kafka auto-commit commits them
    All,
}
