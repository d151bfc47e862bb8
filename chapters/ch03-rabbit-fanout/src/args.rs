//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// Four services hear of five orders through a fanout exchange, and one of them is away for two.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// The queue of inventory, which is restarted while orders come in
    #[arg(long, value_enum, default_value_t = Queue::Durable)]
    pub inventory: Queue,
}

/// A service's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Queue {
    /// It belongs to the service, whether the service runs or not
    Durable,
    /// It belongs to the service's connection, and goes with it
    Exclusive,
}
