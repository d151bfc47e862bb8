//! The knobs of the listing.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, ValueEnum};

/// NATS is killed and started again while orders publishes and email listens; or email does not read.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// Who is connected again first
    #[arg(long, value_enum, default_value_t = First::Email)]
    pub first: First,

    /// Whether email reads what comes
    #[arg(long, value_enum, default_value_t = Reads::Quick)]
    pub email: Reads,

    /// How many messages a client keeps for a subscriber that does not read
    #[arg(long, default_value = "65536", value_parser = one_of(&["4", "65536"]))]
    pub room: usize,
}

/// The service that tries again at once. The other one waits a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum First {
    Email,
    Orders,
}

/// How email reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Reads {
    /// In time; what happens is that NATS is killed and comes back
    Quick,
    /// Only when all six orders have been published; NATS runs all the time
    Slow,
}

fn one_of(values: &'static [&'static str]) -> impl TypedValueParser<Value = usize> {
    PossibleValuesParser::new(values).try_map(|value| value.parse::<usize>())
}
