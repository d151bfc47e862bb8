//! The knobs of the listing.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, ValueEnum};

/// Orders are to be published while the broker is down; each is tried again until it is back.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// How long an order waits between two tries
    #[arg(long, value_enum, default_value_t = Wait::Jitter)]
    pub wait: Wait,

    /// How many orders may wait for another try at once
    #[arg(long, value_enum, default_value_t = Budget::None)]
    pub budget: Budget,

    /// How long the broker is down, in milliseconds
    #[arg(long, default_value = "1000", value_parser = one_of(&["1000", "4000"]))]
    pub down_ms: u64,
}

/// The wait between two tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Wait {
    /// Anything between nothing and the exponential wait
    Jitter,
    /// 100 ms, then twice as long each time, up to 1.6 s
    Exponential,
    /// 100 ms
    Fixed,
}

/// The most orders that wait at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Budget {
    /// No limit
    None,
    /// Twenty; what comes then is refused at once
    #[value(name = "20")]
    Twenty,
}

fn one_of(values: &'static [&'static str]) -> impl TypedValueParser<Value = u64> {
    PossibleValuesParser::new(values).try_map(|value| value.parse::<u64>())
}

impl Budget {
    /// The limit as a number.
    pub fn limit(self) -> usize {
        match self {
            Budget::None => usize::MAX,
            Budget::Twenty => 20,
        }
    }
}
