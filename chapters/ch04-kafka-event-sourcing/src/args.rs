//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// Accounting builds its state from the events of the orders, and builds it again after a restart.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// Where accounting begins after its restart
    #[arg(long, value_enum, default_value_t = Start::Snapshot)]
    pub start: Start,

    /// Which offset a snapshot notes
    #[arg(long, value_enum, default_value_t = Note::Next)]
    pub note: Note,

    /// What becomes of the topic of the events before the restart
    #[arg(long, value_enum, default_value_t = Cleanup::Delete)]
    pub cleanup: Cleanup,
}

/// A beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Start {
    /// At its last snapshot
    Snapshot,
    /// At the first event
    Log,
}

/// An offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Note {
    /// That of the next event, which the state does not know yet
    Next,
    /// That of the last event, which the state knows
    Last,
}

/// The topic's setting `cleanup.policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Cleanup {
    /// It stays as it is: by age or size, and has no limit
    Delete,
    /// It is compacted: the last record of each key is kept
    Compact,
}
