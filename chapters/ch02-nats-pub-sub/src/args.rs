//! The knobs of the listing.

use clap::{Parser, Subcommand, ValueEnum};

/// Two services publish what happens in the shop on NATS, four services listen.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// How the orders service ends after it has published
    #[arg(long, value_enum, default_value_t = Finish::Drain)]
    pub finish: Finish,

    /// Whether inventory subscribes only after the first two orders
    #[arg(long, value_enum, default_value_t = Late::No)]
    pub late: Late,

    #[command(subcommand)]
    pub role: Option<Role>,
}

/// What a publisher does with its connection before its process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Finish {
    /// Drain the connection and wait until it is closed
    Drain,
    /// Wait until every message is written to the socket
    Flush,
    /// Nothing: the program returns from main
    Drop,
}

/// When inventory subscribes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Late {
    /// Before anything is published, like the others
    No,
    /// Between o-2 and o-3
    Yes,
}

/// What this process is. The listing starts itself again for each publisher, so that a publisher
/// ends as any program does: with its process.
#[derive(Debug, Subcommand)]
pub enum Role {
    #[command(hide = true)]
    Publisher {
        /// The lane of the output
        service: String,
        /// The subject that it listens to while it is connected
        presence: String,
        /// Subject and order, such as `order.created o-1`
        events: Vec<String>,
    },
}

impl Finish {
    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Finish::Drain => "drain",
            Finish::Flush => "flush",
            Finish::Drop => "drop",
        }
    }
}
