//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// The orders service stores three orders, and the second one or Kafka's answer to it is lost.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// Whether the producer numbers its batches, so that Kafka knows one that it has already
    #[arg(long, value_enum, default_value_t = Idempotence::Off)]
    pub idempotence: Idempotence,

    /// What is lost, and who sends the order again
    #[arg(long, value_enum, default_value_t = Accident::Answer)]
    pub accident: Accident,
}

/// The producer's setting `enable.idempotence`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Idempotence {
    /// The default of librdkafka
    Off,
    /// The default of the Java client
    On,
}

/// What happens to o-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Accident {
    /// The answer: the connection breaks, and the client library sends the order again
    Answer,
    /// The answer: the service ends before it comes, and its next instance sends the order again
    Restart,
    /// The order, and o-3 gets there: the client library sends the order again
    Overtaken,
}
