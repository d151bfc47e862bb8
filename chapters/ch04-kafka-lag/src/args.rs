//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// A consumer of a Kafka topic stalls and is restarted, and the lag of its group is told.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// When the consumer commits an order
    #[arg(long, value_enum, default_value_t = Commit::Done)]
    pub commit: Commit,
}

/// When a consumer commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Commit {
    /// When it is done with the order
    Done,
    /// When it has taken the order into its own queue
    Taken,
}
