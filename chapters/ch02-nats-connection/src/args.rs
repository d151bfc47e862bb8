//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// NATS is killed and started again while orders publishes and email listens.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// Who is connected again first
    #[arg(long, value_enum, default_value_t = First::Email)]
    pub first: First,
}

/// The service that tries again at once. The other one waits a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum First {
    Email,
    Orders,
}
