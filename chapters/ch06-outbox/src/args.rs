//! The knobs of the listing.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// The orders service saves five orders and publishes an event for each; it is killed at o-3, and
/// starts again.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// How an order comes into the database and its event to the broker
    #[arg(long, value_enum, default_value_t = Way::Outbox)]
    pub way: Way,

    /// Where the orders service is killed while it works on o-3
    #[arg(long, value_enum, default_value_t = KillAt::Mark)]
    pub kill_at: KillAt,

    #[command(subcommand)]
    pub role: Option<Role>,
}

/// How an order is saved and its event published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Way {
    /// Save the event with the order, publish it from there, mark it as sent after the confirm
    Outbox,
    /// Save the order, then publish the event
    SaveFirst,
    /// Publish the event, then save the order
    PublishFirst,
    /// As outbox, but mark the event as sent before it is
    MarkFirst,
}

/// The step before which the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KillAt {
    /// Before the event is marked as sent
    Mark,
    /// Before the event is published
    Publish,
    /// Before the order is committed
    Commit,
    /// Before nothing: it lives
    Nowhere,
}

/// What this process is. The listing starts itself again as the orders service, so that it can be
/// killed like any process.
#[derive(Debug, Subcommand)]
pub enum Role {
    #[command(hide = true)]
    Orders { database: PathBuf, from: u32 },
}

impl Way {
    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Way::Outbox => "outbox",
            Way::SaveFirst => "save-first",
            Way::PublishFirst => "publish-first",
            Way::MarkFirst => "mark-first",
        }
    }
}

impl KillAt {
    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            KillAt::Mark => "mark",
            KillAt::Publish => "publish",
            KillAt::Commit => "commit",
            KillAt::Nowhere => "nowhere",
        }
    }
}
