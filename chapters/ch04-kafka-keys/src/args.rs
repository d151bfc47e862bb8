//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// Two services write the events of six orders to one Kafka topic, and a third one reads them.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// Which hash of the key the inventory service uses; the orders service uses murmur2_random
    #[arg(long, value_enum, default_value_t = Hash::Murmur2)]
    pub hash: Hash,

    /// What the events carry as their key
    #[arg(long, value_enum, default_value_t = Key::Order)]
    pub key: Key,

    /// How many partitions the topic has when the orders are shipped; it begins with 3
    #[arg(long, value_enum, default_value_t = Partitions::Three)]
    pub partitions: Partitions,
}

/// The setting `partitioner`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Hash {
    /// The hash of the Java client
    #[value(name = "murmur2_random")]
    Murmur2,
    /// CRC32, the default of librdkafka
    #[value(name = "consistent_random")]
    Crc32,
}

/// What the key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Key {
    /// The order
    Order,
    /// The customer who ordered
    Customer,
}

/// How many partitions there are in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Partitions {
    /// As many as at the beginning
    #[value(name = "3")]
    Three,
    /// One more
    #[value(name = "4")]
    Four,
}

impl Hash {
    /// The value of the setting.
    pub fn value(self) -> &'static str {
        match self {
            Hash::Murmur2 => "murmur2_random",
            Hash::Crc32 => "consistent_random",
        }
    }
}

impl Partitions {
    /// The number.
    pub fn count(self) -> i32 {
        match self {
            Partitions::Three => 3,
            Partitions::Four => 4,
        }
    }
}
