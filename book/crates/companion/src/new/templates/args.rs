//! The knobs of the listing.

use clap::Parser;
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// Payment orders go through BROKER_NAME to one worker.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// How many orders
    #[arg(long, default_value = "3", value_parser = one_of(&["3", "5"]))]
    pub orders: u32,
}

fn one_of(values: &'static [&'static str]) -> impl TypedValueParser<Value = u32> {
    PossibleValuesParser::new(values).try_map(|value| value.parse::<u32>())
}
