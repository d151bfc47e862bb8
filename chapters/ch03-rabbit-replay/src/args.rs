//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// Orders go into a work queue and into a stream, and the stream is read again.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// Where analytics begins to read
    #[arg(long, value_enum, default_value_t = From::First)]
    pub from: From,

    /// How old an order in the stream may get
    #[arg(long, value_enum, default_value_t = MaxAge::None)]
    pub max_age: MaxAge,
}

/// A place in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum From {
    /// The oldest order that is there
    First,
    /// The next order that comes
    Next,
}

/// Retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MaxAge {
    /// Orders stay
    None,
    /// Two seconds, instead of the weeks of a real stream
    #[value(name = "2s")]
    Seconds,
}
