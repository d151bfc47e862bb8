//! The knobs of the listing.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand, ValueEnum};

/// Five payment orders go through a RabbitMQ work queue to two workers.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// When the broker may forget an order: once the worker says so, or as soon as it is sent
    #[arg(long, value_enum, default_value_t = Ack::Manual)]
    pub ack: Ack,

    /// Kill worker 1 while it works on its Nth order; 0 lets it live
    #[arg(long, default_value = "0", value_parser = one_of(&["0", "2"]))]
    pub crash_after: u32,

    /// How long one order takes, in milliseconds; o-2 takes thirty times as long
    #[arg(long, default_value = "100", value_parser = one_of(&["20", "100", "250"]))]
    pub work_ms: u32,

    #[command(subcommand)]
    pub role: Option<Role>,
}

/// Who acknowledges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ack {
    /// The worker, after its work
    Manual,
    /// The broker itself, as it sends the order
    Auto,
}

/// What this process is. The listing starts itself again as its workers, so that one of them can
/// be killed like any process.
#[derive(Debug, Subcommand)]
pub enum Role {
    #[command(hide = true)]
    Worker { number: u32 },
}

fn one_of(values: &'static [&'static str]) -> impl TypedValueParser<Value = u32> {
    PossibleValuesParser::new(values).try_map(|value| value.parse::<u32>())
}

impl Ack {
    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Ack::Manual => "manual",
            Ack::Auto => "auto",
        }
    }
}
