//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// Five payment orders, one that can never be done, on one of three brokers.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// Which broker has the orders
    #[arg(long, value_enum, default_value_t = Broker::Rabbitmq)]
    pub broker: Broker,

    /// Whether an order that fails four times is put aside
    #[arg(long, value_enum, default_value_t = Handling::Yes)]
    pub handling: Handling,
}

/// The broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Broker {
    /// A quorum queue
    Rabbitmq,
    /// A JetStream stream and a pull consumer
    Nats,
    /// A topic and a consumer group
    Kafka,
}

/// What becomes of an order that fails again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Handling {
    /// It is put aside
    Yes,
    /// It comes again
    No,
}
