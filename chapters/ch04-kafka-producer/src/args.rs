//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// The orders service publishes seven events to a Kafka topic, and the topic is read back.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// Whose answer counts as stored; with 0 there is none, and idempotence is off
    #[arg(long, value_enum, default_value_t = Acks::All)]
    pub acks: Acks,

    /// What the service does with its producer at the end
    #[arg(long, value_enum, default_value_t = Finish::Flush)]
    pub finish: Finish,

    /// Which hash of the key chooses the partition
    #[arg(long, value_enum, default_value_t = Partitioner::Murmur2)]
    pub partitioner: Partitioner,
}

/// The producer's setting `acks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Acks {
    /// The leader answers once every in-sync replica has the record
    All,
    /// The leader answers nothing
    #[value(name = "0")]
    None,
}

/// How the producer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Finish {
    /// Flush, then read every delivery report
    Flush,
    /// Drop it without a look at the reports
    Drop,
}

/// The producer's setting `partitioner`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Partitioner {
    /// The hash of the Java client
    #[value(name = "murmur2_random")]
    Murmur2,
    /// CRC32, the default of librdkafka
    #[value(name = "consistent_random")]
    Crc32,
}

impl Acks {
    /// The value of the setting.
    pub fn value(self) -> &'static str {
        match self {
            Acks::All => "all",
            Acks::None => "0",
        }
    }
}

impl Partitioner {
    /// The value of the setting.
    pub fn value(self) -> &'static str {
        match self {
            Partitioner::Murmur2 => "murmur2_random",
            Partitioner::Crc32 => "consistent_random",
        }
    }
}
