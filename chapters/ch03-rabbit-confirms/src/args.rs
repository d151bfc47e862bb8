//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// The orders service publishes six orders to a RabbitMQ exchange; inventory takes what arrives.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// How the service waits for the broker's answers
    #[arg(long, value_enum, default_value_t = Confirms::Async)]
    pub confirms: Confirms,

    /// Whether an order that no queue takes comes back
    #[arg(long, value_enum, default_value_t = Mandatory::Yes)]
    pub mandatory: Mandatory,

    /// Inventory's queue: bound from the start, bound after o-4, or too small for all
    #[arg(long, value_enum, default_value_t = Inventory::Late)]
    pub inventory: Inventory,
}

/// How the service waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Confirms {
    /// It goes on publishing while answers come
    Async,
    /// After every second order, for all answers
    Batch,
    /// After every order
    Single,
    /// Not at all: it never asked for answers
    None,
}

/// Whether the broker hands back what it cannot route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mandatory {
    /// It hands it back
    Yes,
    /// It drops it
    No,
}

/// What the service's orders meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Inventory {
    /// No queue until the morning's orders are published
    Late,
    /// A queue with a limit
    Full,
    /// A queue from the start
    Ready,
}

impl Confirms {
    /// How many orders may be without an answer, and down to how many the service waits then.
    pub fn window(self) -> (usize, usize) {
        match self {
            Confirms::Async | Confirms::None => (100, 99),
            Confirms::Batch => (2, 0),
            Confirms::Single => (1, 0),
        }
    }
}

impl Inventory {
    /// How many of the first four orders the queue gets.
    pub fn of_four(self) -> u32 {
        if self == Inventory::Late { 0 } else { 4 }
    }

    /// How many of all six it gets before anything is published again.
    pub fn of_six(self) -> u32 {
        match self {
            Inventory::Late => 2,
            Inventory::Full => 4,
            Inventory::Ready => 6,
        }
    }
}
