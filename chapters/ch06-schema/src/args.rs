//! The knobs of the listing.

use clap::{Parser, Subcommand, ValueEnum};

/// The orders service gets a new program, which writes its events in a new way. Email still runs
/// its old program, inventory has a new one too.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// What the new program changes in order.created
    #[arg(long, value_enum, default_value_t = Change::Add)]
    pub change: Change,

    /// How email's old program takes what it does not know
    #[arg(long, value_enum, default_value_t = Email::Tolerant)]
    pub email: Email,

    /// How messages are written
    #[arg(long, value_enum, default_value_t = Format::Json)]
    pub format: Format,

    #[command(subcommand)]
    pub role: Option<Role>,
}

/// A change of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Change {
    /// A field is added: currency
    Add,
    /// A field gets another name and meaning: cents instead of total
    Rename,
    /// As rename, but the old field stays for a time
    Expand,
    /// A field keeps its name and gets another meaning: total, now in cents
    Repurpose,
}

/// A reader's attitude.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Email {
    /// Passes it by
    Tolerant,
    /// Refuses it
    Strict,
}

/// How a message becomes bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// JSON
    Json,
    /// Protocol Buffers
    Protobuf,
}

/// What to do instead of the scene.
#[derive(Debug, Subcommand)]
pub enum Role {
    /// Prints the contract, or reads every recorded message with today's program
    #[command(hide = true)]
    Contract { what: What },
}

/// What of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum What {
    Schema,
    Asyncapi,
    Check,
}
