//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// A service consumes from a queue, and declares the same queue again with another argument.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// On which channel the service declares: one of its own, or the one that it consumes on
    #[arg(long, value_enum, default_value_t = Declare::Own)]
    pub declare: Declare,

    /// What the worker acknowledges: each order after its work, or all five at once
    #[arg(long, value_enum, default_value_t = Ack::Each)]
    pub ack: Ack,
}

/// The channel of the second declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Declare {
    /// A channel for the declaration alone
    Own,
    /// The channel with the consumer
    Shared,
}

/// How often the worker acknowledges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ack {
    /// After each order
    Each,
    /// After the last one, for all before it
    All,
}
