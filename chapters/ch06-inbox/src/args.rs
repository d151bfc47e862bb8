//! The knobs of the listing.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Five orders are charged; payments is killed while it charges o-3, and starts again.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// Where payments keeps the ids of the messages that it has handled
    #[arg(long, value_enum, default_value_t = Inbox::Same)]
    pub inbox: Inbox,

    /// Where payments is killed while it handles o-3
    #[arg(long, value_enum, default_value_t = KillAt::Ack)]
    pub kill_at: KillAt,

    #[command(subcommand)]
    pub role: Option<Role>,
}

/// Where the ids are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Inbox {
    /// In the transaction of the charge
    Same,
    /// Nowhere
    None,
    /// In a transaction before that of the charge
    IdFirst,
    /// In a transaction after that of the charge
    ChargeFirst,
}

/// Where the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KillAt {
    /// After the last write, before the acknowledgement
    Ack,
    /// Between the first write and the second, where there are two
    Writes,
    /// Nowhere
    Nowhere,
}

/// What this process is. The listing starts itself again as the payments service, so that it can
/// be killed like any process.
#[derive(Debug, Subcommand)]
pub enum Role {
    #[command(hide = true)]
    Payments { database: PathBuf },
}

impl Inbox {
    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Inbox::Same => "same",
            Inbox::None => "none",
            Inbox::IdFirst => "id-first",
            Inbox::ChargeFirst => "charge-first",
        }
    }
}

impl KillAt {
    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            KillAt::Ack => "ack",
            KillAt::Writes => "writes",
            KillAt::Nowhere => "nowhere",
        }
    }

    /// What has and has not happened at that place.
    pub fn words(self) -> &'static str {
        match self {
            KillAt::Ack => "before the acknowledgement",
            KillAt::Writes => "between the two writes",
            KillAt::Nowhere => "nowhere",
        }
    }
}
