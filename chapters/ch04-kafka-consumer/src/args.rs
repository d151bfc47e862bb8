//! The knobs of the listing.

use clap::{Parser, Subcommand, ValueEnum};

/// Seven orders are in a Kafka topic, and the inventory service packs them.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// Who commits the group's position, and when
    #[arg(long, value_enum, default_value_t = Commit::After)]
    pub commit: Commit,

    /// What happens to consumer 1
    #[arg(long, value_enum, default_value_t = Accident::None)]
    pub accident: Accident,

    /// Where a group begins that has not committed yet
    #[arg(long, value_enum, default_value_t = Reset::Earliest)]
    pub reset: Reset,

    #[command(subcommand)]
    pub role: Option<Role>,
}

/// Who commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Commit {
    /// The consumer, after its work
    After,
    /// The consumer, before its work
    Before,
    /// The client by itself, whatever it has handed over
    Auto,
    /// The client by itself, whatever the consumer has stored after its work
    Stored,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Accident {
    /// Nothing
    None,
    /// It is killed while it packs o-3
    InWork,
    /// It is killed when o-3 is packed, before anything else
    AfterWork,
    /// It packs o-7 for longer than the group waits
    TooSlow,
}

/// The setting `auto.offset.reset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Reset {
    /// At the first record that the topic still has
    Earliest,
    /// At the end: what is there already is passed over
    Latest,
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

impl Reset {
    /// The value of the setting.
    pub fn value(self) -> &'static str {
        match self {
            Reset::Earliest => "earliest",
            Reset::Latest => "latest",
        }
    }
}
