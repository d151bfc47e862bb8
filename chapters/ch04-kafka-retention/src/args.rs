//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// Seven orders are in a Kafka topic, the oldest are deleted, and a reader comes back too late.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// What limits the topic
    #[arg(long, value_enum, default_value_t = Limit::Time)]
    pub limit: Limit,

    /// Where the reader goes on when the record it wants next is gone
    #[arg(long, value_enum, default_value_t = Reset::Earliest)]
    pub reset: Reset,
}

/// A limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Limit {
    /// It keeps two days
    Time,
    /// It keeps 1.5 MB
    Size,
    /// It keeps everything, and somebody deletes what is before o-5
    ByHand,
}

/// The setting `auto.offset.reset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Reset {
    /// At the first record that the topic still has
    Earliest,
    /// At the end
    Latest,
    /// Nowhere: it is told
    Error,
}

impl Reset {
    /// The value of the setting.
    pub fn value(self) -> &'static str {
        match self {
            Reset::Earliest => "earliest",
            Reset::Latest => "latest",
            Reset::Error => "error",
        }
    }
}
