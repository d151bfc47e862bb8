//! The knobs of the listing.

use clap::{Parser, Subcommand, ValueEnum};

/// Eight orders, and a worker that is asked to end while it works on the third.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// What a worker does when it is asked to end
    #[arg(long, value_enum, default_value_t = Exit::Orderly)]
    pub exit: Exit,

    /// When the broker may forget an order: once the worker says so, or as soon as it is sent
    #[arg(long, value_enum, default_value_t = Ack::Manual)]
    pub ack: Ack,

    #[command(subcommand)]
    pub role: Option<Role>,
}

/// How a worker ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Exit {
    /// Takes no more, finishes what it works on, gives back the rest, closes
    Orderly,
    /// Ends at the signal
    AtOnce,
    /// Closes its connection, then finishes what it works on
    CloseFirst,
}

/// Who acknowledges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ack {
    /// The worker, after its work
    Manual,
    /// The broker itself, as it sends the order
    Auto,
}

/// What this process is. The listing starts itself again as its workers, so that one of them can
/// get a signal like any process.
#[derive(Debug, Subcommand)]
pub enum Role {
    #[command(hide = true)]
    Worker {
        number: u32,
        /// At this order it is asked to end.
        last: u32,
    },
}

impl Exit {
    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Exit::Orderly => "orderly",
            Exit::AtOnce => "at-once",
            Exit::CloseFirst => "close-first",
        }
    }
}

impl Ack {
    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Ack::Manual => "manual",
            Ack::Auto => "auto",
        }
    }
}
