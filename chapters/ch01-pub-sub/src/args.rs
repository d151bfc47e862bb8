//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// The shop's events of one day, published and heard on NATS, RabbitMQ or Kafka.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// Which broker is in the middle; all but NATS need the feature of their name
    #[arg(long, value_enum, default_value_t = Broker::Nats)]
    pub broker: Broker,

    /// Whether accounting subscribes only after the first payment
    #[arg(long, value_enum, default_value_t = Late::No)]
    pub late: Late,
}

/// A broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Broker {
    /// A subject for each type of event
    Nats,
    /// A topic exchange, and a queue for each subscriber
    Rabbitmq,
    /// Two topics, and a group for each subscriber
    Kafka,
}

/// When accounting subscribes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Late {
    /// Before anything is published, like the others
    No,
    /// Between the first payment and the second
    Yes,
}

/// What to type where this program was built without the client of the broker that is asked for.
#[cfg(not(all(feature = "rabbitmq", feature = "kafka")))]
pub fn with_client() -> String {
    let package = env!("CARGO_PKG_NAME");
    let words: Vec<String> = std::env::args().skip(1).collect();
    format!(
        "this program was built without that broker's client; build it with both:\n  \
         cargo run -p {package} --features rabbitmq,kafka -- {}",
        words.join(" ")
    )
}
