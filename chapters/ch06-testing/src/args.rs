//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// A test of the orders service: are all six orders in the stream?
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// The code that is tested
    #[arg(long, value_enum, default_value_t = Publisher::Hopeful)]
    pub publisher: Publisher,

    /// What happens to the server during the test
    #[arg(long, value_enum, default_value_t = Fault::None)]
    pub fault: Fault,
}

/// A version of the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Publisher {
    /// It does not wait for the server's answer
    Hopeful,
    /// It does, and publishes again if none comes
    Careful,
}

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// None
    None,
    /// It stands still, is killed, and is started again
    Kill,
}
