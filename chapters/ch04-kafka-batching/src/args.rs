//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// The orders service publishes 100 orders to a Kafka topic, and counts what that takes.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// When the service waits for the delivery reports
    #[arg(long, value_enum, default_value_t = Send::OneByOne)]
    pub send: Send,

    /// How a batch is compressed
    #[arg(long, value_enum, default_value_t = Compression::None)]
    pub compression: Compression,

    /// The size in bytes at which a batch is full
    #[arg(long, value_enum, default_value_t = BatchSize::Default)]
    pub batch_size: BatchSize,
}

/// An order of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Send {
    /// After each order
    OneByOne,
    /// When all orders are in the client's queue
    Together,
    /// After each order, but each in a task of its own
    Tasks,
}

/// The setting `compression.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    /// Not at all
    None,
    /// Fast, and smaller
    Lz4,
    /// The same, of another family
    Snappy,
}

/// The setting `batch.size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BatchSize {
    /// The client's default
    #[value(name = "1000000")]
    Default,
    /// So small that one order fills it
    #[value(name = "100")]
    Small,
}

/// The word of a value on the command line, which is the value of the setting.
pub fn word(value: &impl ValueEnum) -> String {
    let word = value.to_possible_value();
    word.map(|word| word.get_name().to_owned())
        .unwrap_or_default()
}
