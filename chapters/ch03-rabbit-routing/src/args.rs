//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// Six events go through one exchange to four services, each with a queue and a binding.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// How the exchange compares an event with a binding
    #[arg(long, value_enum, default_value_t = Kind::Topic)]
    pub exchange: Kind,

    /// Whether events that match no binding go to a second exchange, or nowhere
    #[arg(long, value_enum, default_value_t = Alternate::Yes)]
    pub alternate: Alternate,
}

/// A type of exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Binding keys are patterns of words
    Topic,
    /// Binding keys are compared letter by letter
    Direct,
    /// Headers of the message are compared, and no key
    Headers,
}

/// Is there an alternate exchange?
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Alternate {
    Yes,
    No,
}
