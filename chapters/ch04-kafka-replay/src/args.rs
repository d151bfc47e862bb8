//! The knobs of the listing.

use clap::{Parser, ValueEnum};

/// The email service has read a day's orders from a Kafka topic, and somebody reads them again.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// Who reads the log once more
    #[arg(long, value_enum, default_value_t = Who::Analytics)]
    pub reader: Who,

    /// Where that reader begins
    #[arg(long, value_enum, default_value_t = From::Start)]
    pub from: From,

    /// How the email service goes back
    #[arg(long = "move", value_enum, default_value_t = Move::Reset)]
    pub by: Move,

    /// What the email service does with an order whose mail is sent
    #[arg(long, value_enum, default_value_t = Mails::Again)]
    pub mails: Mails,
}

/// A reader of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Who {
    /// A service that is new: a group of its own
    Analytics,
    /// The service that has read everything already
    Email,
}

/// A place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum From {
    /// The first record that the log still has
    Start,
    /// The first record of 12:00 or later
    Noon,
}

/// A way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Move {
    /// It is stopped, its group's position is set, it is started again
    Reset,
    /// It keeps running, and jumps
    Seek,
}

/// What it does with what it has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mails {
    /// It sends the mail again
    Again,
    /// It looks up the record's place and passes it over
    Once,
}
