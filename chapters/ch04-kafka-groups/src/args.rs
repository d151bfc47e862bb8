//! The knobs of the listing.

use clap::{Parser, Subcommand, ValueEnum};

/// Three consumers share the two partitions of a Kafka topic, and one of them goes.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// How the members agree on who has which partition
    #[arg(long, value_enum, default_value_t = Protocol::Consumer)]
    pub protocol: Protocol,

    /// How consumer 1 goes
    #[arg(long, value_enum, default_value_t = Accident::Leaves)]
    pub accident: Accident,

    /// Whether each consumer has a name that it keeps
    #[arg(long, value_enum, default_value_t = Name::None)]
    pub name: Name,

    #[command(subcommand)]
    pub role: Option<Role>,
}

/// The setting `group.protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// Kafka decides and tells each member what changes for it
    Consumer,
    /// The members stop, meet, and one of them decides
    Classic,
}

/// How a consumer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Accident {
    /// It says goodbye
    Leaves,
    /// It is killed
    Killed,
    /// It is killed and started again
    Restarted,
}

/// The setting `group.instance.id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// A new member each time
    None,
    /// The same member after a restart
    Fixed,
}

/// What this process is. The listing starts itself again as its consumers, so that one of them can
/// be killed like any process.
#[derive(Debug, Subcommand)]
pub enum Role {
    #[command(hide = true)]
    Consumer {
        number: u32,
        topic: String,
        group: String,
    },
}

/// The word of a value on the command line.
pub fn word(value: &impl ValueEnum) -> String {
    let word = value.to_possible_value();
    word.map(|word| word.get_name().to_owned())
        .unwrap_or_default()
}
