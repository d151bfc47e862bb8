//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// Payment orders go through RabbitMQ while something happens to the connection.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// What happens
    #[arg(long, value_enum, default_value_t = Fault::Cut)]
    pub fault: Fault,

    /// Whether the client connects again by itself
    #[arg(long, value_enum, default_value_t = Recover::Yes)]
    pub recover: Recover,

    /// What payments does when RabbitMQ cancels its consumer
    #[arg(long, value_enum, default_value_t = OnCancel::Leave)]
    pub on_cancel: OnCancel,
}

/// A day in the life of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// The network loses an answer and then the connection
    Cut,
    /// RabbitMQ is stopped and started again
    Restart,
    /// The queue is deleted under its consumer
    Cancel,
    /// RabbitMQ runs low on disk and blocks who publishes
    Alarm,
}

/// Automatic recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Recover {
    Yes,
    No,
}

/// The end of the consumer's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnCancel {
    /// It is the end
    Leave,
    /// Declare the queue and consume again
    Consume,
}
