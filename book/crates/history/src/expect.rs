//! What a history may show.

use std::collections::BTreeSet;

use crate::AnomalyName;

/// What a history allows, and what must have come of it by its end. It is declared with the
/// history, since the same record is right under one promise and wrong under another.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    pub(crate) allowed: BTreeSet<AnomalyName>,
    pub(crate) groups: Vec<String>,
    pub(crate) in_flight: Option<usize>,
    pub(crate) connections: Option<usize>,
}

impl Expect {
    /// Every message stored once, worked on once, in order, and none lost: nothing is allowed.
    /// Redeliveries are no anomaly here either, as long as the work is done once.
    pub fn exactly_once() -> Expect {
        Expect::default()
    }

    /// No message is lost. A message may be stored twice, its work may be done twice, and a retry
    /// may come after its successors.
    pub fn at_least_once() -> Expect {
        Expect::default().allow([
            AnomalyName::Duplicate,
            AnomalyName::DuplicateEffect,
            AnomalyName::Reordered,
        ])
    }

    /// No message is stored or worked on twice. Any may be lost, or settled before its work.
    pub fn at_most_once() -> Expect {
        Expect::default().allow([
            AnomalyName::LostWrite,
            AnomalyName::Unseen,
            AnomalyName::SkippedPoll,
            AnomalyName::CommitBeforeWork,
            AnomalyName::AckBeforeWork,
        ])
    }

    /// These may be: [`AnomalyName::AbortedRead`] for a consumer with `read_uncommitted`,
    /// [`AnomalyName::AckBeforeWork`] where effects are not in the history.
    #[must_use]
    pub fn allow(mut self, names: impl IntoIterator<Item = AnomalyName>) -> Expect {
        self.allowed.extend(names);
        self
    }

    /// Each of these groups must have got every stored message by the end. Without a group,
    /// nothing is [`AnomalyName::Unseen`].
    #[must_use]
    pub fn groups<G: Into<String>>(mut self, groups: impl IntoIterator<Item = G>) -> Expect {
        self.groups.extend(groups.into_iter().map(Into::into));
        self
    }

    /// How many messages a process may have got from a group and not settled, at any moment.
    /// Without a bound, nothing is [`AnomalyName::UnboundedInFlight`].
    #[must_use]
    pub fn in_flight(mut self, bound: usize) -> Expect {
        self.in_flight = Some(bound);
        self
    }

    /// How many connections a process may have open at any moment. With a bound or without,
    /// each that is opened must be closed.
    #[must_use]
    pub fn connections(mut self, bound: usize) -> Expect {
        self.connections = Some(bound);
        self
    }
}
