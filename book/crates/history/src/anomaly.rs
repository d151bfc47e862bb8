//! What can be wrong with a history, in the field's words.

use std::fmt;
use std::time::Duration;

use crate::Place;

/// The name of what is wrong. Most are those of Jepsen's checkers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AnomalyName {
    /// The broker said that it has a message, has it no more, and nobody has settled it.
    LostWrite,
    /// The broker stored a message twice.
    Duplicate,
    /// The work of a message was done twice.
    DuplicateEffect,
    /// Two messages of one key changed places.
    Reordered,
    /// A message is stored and a group that must get it has not got it.
    Unseen,
    /// A message was there that nobody has published.
    Phantom,
    /// A consumer got a message of a transaction that was not committed.
    AbortedRead,
    /// A consumer's poll went back in its partition.
    NonmonotonicPoll,
    /// A consumer's poll passed over a message of its partition.
    SkippedPoll,
    /// A read got an older value than one that was already known.
    StaleRead,
    /// A position was committed past a message whose work was not done.
    CommitBeforeWork,
    /// A message was acknowledged before its work was done.
    AckBeforeWork,
    /// A consumer held more unsettled messages than allowed.
    UnboundedInFlight,
    /// A connection was not closed, or too many were open at once.
    LeakedConnection,
}

impl AnomalyName {
    /// All names.
    pub const ALL: [AnomalyName; 14] = [
        AnomalyName::LostWrite,
        AnomalyName::Duplicate,
        AnomalyName::DuplicateEffect,
        AnomalyName::Reordered,
        AnomalyName::Unseen,
        AnomalyName::Phantom,
        AnomalyName::AbortedRead,
        AnomalyName::NonmonotonicPoll,
        AnomalyName::SkippedPoll,
        AnomalyName::StaleRead,
        AnomalyName::CommitBeforeWork,
        AnomalyName::AckBeforeWork,
        AnomalyName::UnboundedInFlight,
        AnomalyName::LeakedConnection,
    ];

    /// As a report writes it: `lost-write`.
    pub const fn word(self) -> &'static str {
        match self {
            AnomalyName::LostWrite => "lost-write",
            AnomalyName::Duplicate => "duplicate",
            AnomalyName::DuplicateEffect => "duplicate-effect",
            AnomalyName::Reordered => "reordered",
            AnomalyName::Unseen => "unseen",
            AnomalyName::Phantom => "phantom",
            AnomalyName::AbortedRead => "aborted-read",
            AnomalyName::NonmonotonicPoll => "nonmonotonic-poll",
            AnomalyName::SkippedPoll => "skipped-poll",
            AnomalyName::StaleRead => "stale-read",
            AnomalyName::CommitBeforeWork => "commit-before-work",
            AnomalyName::AckBeforeWork => "ack-before-work",
            AnomalyName::UnboundedInFlight => "unbounded-in-flight",
            AnomalyName::LeakedConnection => "leaked-connection",
        }
    }
}

impl fmt::Display for AnomalyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One thing that is wrong with a history. Its `Display` is the sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// What it is.
    pub name: AnomalyName,
    /// The messages concerned, the one that it is about first. None for a connection.
    pub messages: Vec<u32>,
    /// The index in the history of the operation that shows it.
    pub operation: usize,
    /// Whose operation that is.
    pub process: String,
    /// Where the message is, if that is known.
    pub place: Option<Place>,
    /// When, since the run's start.
    pub at: Duration,
    /// One sentence without a full stop: which message, where, who and when.
    pub sentence: String,
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}
