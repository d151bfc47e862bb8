//! The knobs of the listing.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Three orders are charged; payments is killed while it handles o-2, and starts again.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// In which order payments charges and acknowledges, and whether the charge has a name
    #[arg(long, value_enum, default_value_t = Promise::AtLeastOnce)]
    pub delivery: Promise,

    /// Where payments is killed while it handles o-2
    #[arg(long, value_enum, default_value_t = Crash::Between)]
    pub crash: Crash,

    #[command(subcommand)]
    pub role: Option<Role>,
}

/// What is promised to the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(clippy::enum_variant_names, reason = "the names of the three promises")]
pub enum Promise {
    /// Acknowledge, then charge
    AtMostOnce,
    /// Charge, then acknowledge
    AtLeastOnce,
    /// Charge under the order's name, then acknowledge
    EffectivelyOnce,
}

/// Where the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Crash {
    /// Between the charge and the acknowledgement, whichever comes first
    Between,
    /// Before both
    Before,
    /// Nowhere
    None,
}

/// What this process is. The listing starts itself again as the payments service, so that it can
/// be killed like any process.
#[derive(Debug, Subcommand)]
pub enum Role {
    #[command(hide = true)]
    Payments { bank: PathBuf },
}

impl Promise {
    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Promise::AtMostOnce => "at-most-once",
            Promise::AtLeastOnce => "at-least-once",
            Promise::EffectivelyOnce => "effectively-once",
        }
    }
}

impl Crash {
    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Crash::Between => "between",
            Crash::Before => "before",
            Crash::None => "none",
        }
    }
}
