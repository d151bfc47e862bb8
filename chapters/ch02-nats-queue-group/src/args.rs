//! The knobs of the listing.

use clap::{Parser, Subcommand, ValueEnum};

/// Eight charges go to a NATS queue group of two workers; a plain subscriber listens beside it.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// How worker 1 leaves the group while it works on o-2
    #[arg(long, value_enum, default_value_t = Leave::No)]
    pub leave: Leave,

    #[command(subcommand)]
    pub role: Option<Role>,
}

/// What becomes of worker 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Leave {
    /// Not at all: both workers are there from the first order to the last
    No,
    /// It drains its subscription, and finishes what it holds
    Drain,
    /// Its process is killed
    Kill,
}

/// What this process is. The listing starts itself again as its workers, so that one of them can
/// be killed like any process.
#[derive(Debug, Subcommand)]
pub enum Role {
    #[command(hide = true)]
    Worker {
        /// Its number
        number: u32,
        /// The subject of the charges
        subject: String,
        /// A subject that it listens to while it is connected
        presence: String,
        /// The order at which it stands still until it is sent away; 0 for none
        stands_at: u32,
    },
}
