//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// Orders asks payments to charge cards, asks all of inventory for stock, and lists who serves.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// How long the bank takes for o-2: less than orders waits, or half as long again
    #[arg(long, value_enum, default_value_t = Bank::Fast)]
    pub bank: Bank,

    /// Whether payments keeps a ledger, in which it looks before it charges
    #[arg(long, value_enum, default_value_t = Ledger::No)]
    pub ledger: Ledger,
}

/// How fast the bank is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Bank {
    Fast,
    Slow,
}

/// What payments does with a question that comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ledger {
    /// It charges the card
    No,
    /// It looks up the order, and answers that it is charged
    Yes,
}
