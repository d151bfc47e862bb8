//! The checker: names what is wrong with a history.

mod bounds;
mod facts;
mod polls;
mod reads;
mod say;
mod stored;
mod work;

#[cfg(test)]
mod tests;

use crate::{Anomaly, Expect, Operation};
use facts::Facts;

/// The operations of a run, and what they may show.
///
/// Operations may be added in any order: their times tell it, and where those are equal, the order
/// in which they were added. All times are of one clock. What is not in it has not happened: a
/// message that was there before the run has its [`Operation::publish`], too.
#[derive(Clone, Debug, Default)]
pub struct History {
    expect: Expect,
    operations: Vec<Operation>,
}

impl History {
    /// An empty history.
    pub fn new(expect: Expect) -> History {
        History {
            expect,
            operations: Vec::new(),
        }
    }

    /// Adds an operation.
    pub fn push(&mut self, operation: Operation) {
        self.operations.push(operation);
    }

    /// All operations, as they were added.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }
}

impl Extend<Operation> for History {
    fn extend<I: IntoIterator<Item = Operation>>(&mut self, operations: I) {
        self.operations.extend(operations);
    }
}

/// Names everything that is wrong with a history and not allowed in it, in the order of time.
///
/// It never guesses: an operation without an answer may have happened or not, and whatever is
/// right in one of the two cases is right. So an empty answer means that the record can be that of
/// a run in which nothing went wrong.
///
/// ```
/// use std::time::Duration;
/// use history::{AnomalyName, Expect, History, Operation, Place, check};
///
/// let mut history = History::new(Expect::exactly_once().groups(["payments"]));
/// let there = Place::offset("orders", 0, 7);
/// let stored = Duration::from_millis(1204);
/// history.push(Operation::publish("shop", 3).at(there).when(stored));
///
/// let found = check(&history);
/// assert_eq!(found[0].name, AnomalyName::Unseen);
/// assert_eq!(
///     found[0].sentence,
///     "o-3 was stored at offset 7 of orders/0 (shop, 1.204 s), and payments has not got it"
/// );
/// ```
pub fn check(history: &History) -> Vec<Anomaly> {
    let facts = Facts::of(&history.operations);
    let expect = &history.expect;
    let mut found = Vec::new();
    found.extend(stored::lost_and_unseen(&facts, &expect.groups));
    found.extend(stored::duplicates(&facts));
    found.extend(reads::phantoms(&facts));
    found.extend(reads::aborted_reads(&facts));
    found.extend(reads::stale_reads(&facts));
    found.extend(polls::polls(&facts));
    found.extend(polls::reordered(&facts));
    found.extend(work::duplicate_effects(&facts));
    found.extend(work::acks(&facts));
    found.extend(work::commits(&facts));
    if let Some(bound) = expect.in_flight {
        found.extend(bounds::in_flight(&facts, bound));
    }
    found.extend(bounds::connections(&facts, expect.connections));
    found.retain(|anomaly| !expect.allowed.contains(&anomaly.name));
    found.sort_by_key(|anomaly| (anomaly.at, anomaly.operation, anomaly.name));
    found
}
