//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// The payments service takes orders from one Kafka topic and writes payments to another.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// What happens to worker 1 when it has written the payment of o-3
    #[arg(long, value_enum, default_value_t = Accident::Crash)]
    pub accident: Accident,

    /// How a worker writes a payment and says that the order is read
    #[arg(long, value_enum, default_value_t = Mode::Transaction)]
    pub mode: Mode,

    /// What accounting reads of the payments
    #[arg(long, value_enum, default_value_t = Isolation::Committed)]
    pub isolation: Isolation,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Accident {
    /// Nothing
    None,
    /// It dies, and worker 2 takes its place
    Crash,
    /// It stands still, worker 2 takes its place, and it goes on
    Zombie,
    /// It stands still, and nobody takes its place
    Open,
}

/// One step or two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Both in one transaction
    Transaction,
    /// First the one, then the other
    Plain,
}

/// The setting `isolation.level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Isolation {
    /// What is committed
    Committed,
    /// All that is in the log
    Uncommitted,
}

impl Isolation {
    /// The value of the setting.
    pub fn value(self) -> &'static str {
        match self {
            Isolation::Committed => "read_committed",
            Isolation::Uncommitted => "read_uncommitted",
        }
    }
}
