//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// Three orders go into a stream. For one of them the publisher gets no answer, and publishes again.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// What the message id is made of
    #[arg(long, value_enum, default_value_t = Id::Order)]
    pub id: Id,

    /// How long the publisher is away before it publishes again
    #[arg(long, value_enum, default_value_t = Outage::Short)]
    pub outage: Outage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Id {
    /// The order's number and the event, so that it is the same in each try
    Order,
    /// There is no message id
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Outage {
    /// It tries again at once
    Short,
    /// For longer than the stream remembers ids
    Long,
}
