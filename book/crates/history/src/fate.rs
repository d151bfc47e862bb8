//! The five fates of a message.

use std::fmt;
use std::str::FromStr;

use crate::ParseError;

/// What became of a message, as seen when its run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fate {
    /// Received once, worked on once.
    Done,
    /// Received twice or more, worked on once: nothing is wrong.
    Redelivered,
    /// Worked on twice or more: its effect is in the world twice.
    Duplicate,
    /// Accepted by the broker, never worked on, no longer on the broker.
    Lost,
    /// Still on the broker.
    Stuck,
}

impl Fate {
    /// All fates, in the order in which a strip counts them.
    pub const ALL: [Fate; 5] = [
        Fate::Done,
        Fate::Redelivered,
        Fate::Duplicate,
        Fate::Lost,
        Fate::Stuck,
    ];

    /// The word, lower-case: `done`, `redelivered`, `duplicate`, `lost`, `stuck`.
    pub const fn word(self) -> &'static str {
        match self {
            Fate::Done => "done",
            Fate::Redelivered => "redelivered",
            Fate::Duplicate => "duplicate",
            Fate::Lost => "lost",
            Fate::Stuck => "stuck",
        }
    }

    /// The letter in the mark: D, R, 2, L or S.
    pub const fn letter(self) -> char {
        match self {
            Fate::Done => 'D',
            Fate::Redelivered => 'R',
            Fate::Duplicate => '2',
            Fate::Lost => 'L',
            Fate::Stuck => 'S',
        }
    }

    /// The shape in the terminal's mark; letter and shape never depend on colour.
    pub const fn shape(self) -> char {
        match self {
            Fate::Done => '●',
            Fate::Redelivered => '↻',
            Fate::Duplicate => '◆',
            Fate::Lost => '✕',
            Fate::Stuck => '■',
        }
    }
}

/// The word.
impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Reads the word.
impl FromStr for Fate {
    type Err = ParseError;

    fn from_str(word: &str) -> Result<Fate, ParseError> {
        Fate::ALL
            .into_iter()
            .find(|fate| fate.word() == word)
            .ok_or_else(|| ParseError::Fate(word.to_owned()))
    }
}
