//! The knobs of the listing.

use clap::Parser;
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// Ten payment orders, two workers that wait for their bank, and a third worker that joins.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// How many unacknowledged orders a worker may hold; 0 sets no limit
    #[arg(long, default_value = "1", value_parser = one_of(&["0", "1", "3"]))]
    pub prefetch: u16,
}

fn one_of(values: &'static [&'static str]) -> impl TypedValueParser<Value = u16> {
    PossibleValuesParser::new(values).try_map(|value| value.parse::<u16>())
}
