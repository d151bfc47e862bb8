//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// Five payment orders, and one of them can never be done.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// What the worker tells RabbitMQ when it fails on an order
    #[arg(long, value_enum, default_value_t = Failure::RejectRequeue)]
    pub failure: Failure,

    /// How dead letters travel, and whether there is a queue for them
    #[arg(long, value_enum, default_value_t = DeadLetters::AtLeastOnce)]
    pub dead_letters: DeadLetters,
}

/// The worker's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Failure {
    /// basic.reject: put it back, this was a failure
    RejectRequeue,
    /// basic.nack: put it back
    NackRequeue,
    /// basic.reject: do not put it back
    Reject,
}

/// What the queue does with an order that it gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DeadLetters {
    /// It keeps the order until the other queue has it
    AtLeastOnce,
    /// It sends the order on and forgets it, as by default
    AtMostOnce,
    /// The default, and nobody has bound a queue
    Unrouted,
}
