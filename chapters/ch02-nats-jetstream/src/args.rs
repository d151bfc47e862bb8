//! The knobs of the listing.

use clap::{Parser, Subcommand, ValueEnum};

/// Four orders go into a JetStream stream; two workers pack them, analytics reads them again.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// Whether worker 2 is killed while it packs o-2
    #[arg(long, value_enum, default_value_t = Switch::No)]
    pub crash: Switch,

    /// Whether a worker tells the server that it is still at work
    #[arg(long, value_enum, default_value_t = Switch::Yes)]
    pub progress: Switch,

    #[command(subcommand)]
    pub role: Option<Role>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    No,
    Yes,
}

/// What this process is. The listing starts itself again as its workers, so that one of them can
/// be killed like any process.
#[derive(Debug, Subcommand)]
pub enum Role {
    #[command(hide = true)]
    Worker {
        /// Its number
        number: u32,
        /// The stream that holds the orders
        stream: String,
    },
}

impl Switch {
    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Switch::No => "no",
            Switch::Yes => "yes",
        }
    }
}
