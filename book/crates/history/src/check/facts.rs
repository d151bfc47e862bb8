//! What a history tells for certain, indexed for the checks.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use crate::operation::{Kind, Operation, Outcome, Place};

/// How certain it is that an operation has happened, its transaction regarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sure {
    No,
    Maybe,
    Yes,
}

/// What is known of a transaction.
#[derive(Clone, Copy, Debug, Default)]
struct Transaction {
    /// When its commit was answered with yes.
    committed: Option<Duration>,
    /// The operation that aborted it.
    aborted: Option<usize>,
    /// When its commit was first asked for.
    asked: Option<Duration>,
}

impl Transaction {
    /// One whose commit nobody has asked for is as good as aborted: its coordinator ends it so.
    fn sure(&self) -> Sure {
        match self {
            Self {
                committed: Some(_), ..
            } => Sure::Yes,
            Self {
                aborted: None,
                asked: Some(_),
                ..
            } => Sure::Maybe,
            _ => Sure::No,
        }
    }
}

/// A partition of a topic, or a stream: its name and number.
pub type Log<'a> = (&'a str, u32);

/// The partitions and positions at which a message stands, each with the operation that shows it.
pub type Copies = BTreeMap<(u32, u64), usize>;

/// The operations of a history with what is looked up in them.
pub struct Facts<'a> {
    operations: &'a [Operation],
    /// The indices of all operations in the order of their moments.
    by_time: Vec<usize>,
    transactions: HashMap<u32, Transaction>,
    publishes: HashMap<u32, Vec<usize>>,
    /// Where each message of each topic or stream stands. What shows it is its publication, or else
    /// who saw it first.
    copies: BTreeMap<(&'a str, u32), Copies>,
    groups: BTreeSet<&'a str>,
}

impl<'a> Facts<'a> {
    pub fn of(operations: &'a [Operation]) -> Facts<'a> {
        let mut by_time: Vec<usize> = (0..operations.len()).collect();
        by_time.sort_by_key(|&index| operations[index].moment());
        let mut facts = Facts {
            operations,
            by_time,
            transactions: HashMap::new(),
            publishes: HashMap::new(),
            copies: BTreeMap::new(),
            groups: BTreeSet::new(),
        };
        for (index, operation) in facts.all() {
            match operation.kind {
                Kind::CommitTransaction | Kind::AbortTransaction => {
                    facts.end_transaction(index, operation);
                }
                Kind::Publish => {
                    let publishes = facts.publishes.entry(operation.message);
                    publishes.or_default().push(index);
                }
                _ => {}
            }
            if !operation.group.is_empty() {
                facts.groups.insert(&operation.group);
            }
        }
        facts.find_copies();
        facts
    }

    fn end_transaction(&mut self, index: usize, operation: &Operation) {
        let Some(number) = operation.transaction else {
            return;
        };
        let transaction = self.transactions.entry(number).or_default();
        match (operation.kind, operation.outcome) {
            (_, Outcome::Fail) => {}
            (Kind::CommitTransaction, outcome) => {
                if outcome == Outcome::Ok {
                    transaction.committed = Some(operation.end);
                }
                let asked = transaction.asked.unwrap_or(operation.invoke);
                transaction.asked = Some(asked.min(operation.invoke));
            }
            (_, Outcome::Ok) => transaction.aborted = Some(index),
            (_, Outcome::Unknown) => {}
        }
    }

    fn find_copies(&mut self) {
        // Where a publication stands that is not certain, the record and its readers tell.
        let mut unsure: HashMap<(Log, u64), Sure> = HashMap::new();
        for (index, operation) in self.all() {
            let place = operation.place.as_ref().and_then(position);
            if let (Kind::Publish, Some((log, at))) = (operation.kind, place) {
                match self.sure(operation) {
                    Sure::Yes => self.add_copy(index, operation),
                    sure => drop(unsure.insert((log, at), sure)),
                }
            }
        }
        for (index, operation) in self.all() {
            let Some(place) = operation.place.as_ref().and_then(position) else {
                continue;
            };
            let sure = unsure.get(&place).copied().unwrap_or(Sure::Yes);
            let seen = match operation.kind {
                Kind::Receive => sure != Sure::No,
                Kind::Held => sure == Sure::Yes,
                _ => false,
            };
            if seen && operation.is_ok() {
                self.add_copy(index, operation);
            }
        }
    }

    fn add_copy(&mut self, index: usize, operation: &'a Operation) {
        if let Some((log, position)) = operation.place.as_ref().and_then(position) {
            let copies = self.copies.entry((log.0, operation.message)).or_default();
            copies.entry((log.1, position)).or_insert(index);
        }
    }

    /// All operations with their indices, in the order of time.
    pub fn all(&self) -> Vec<(usize, &'a Operation)> {
        let indices = self.by_time.iter();
        indices
            .map(|&index| (index, &self.operations[index]))
            .collect()
    }

    /// The operations of this kind that have happened, with their indices, in the order of time.
    pub fn ok(&self, kind: Kind) -> impl Iterator<Item = (usize, &'a Operation)> {
        let indices = self.by_time.iter();
        indices
            .map(|&index| (index, &self.operations[index]))
            .filter(move |(_, operation)| operation.kind == kind && operation.is_ok())
    }

    pub fn operation(&self, index: usize) -> &'a Operation {
        &self.operations[index]
    }

    /// All groups of the history.
    pub fn groups(&self) -> impl Iterator<Item = &'a str> {
        self.groups.iter().copied()
    }

    /// Whether an operation has happened.
    pub fn sure(&self, operation: &Operation) -> Sure {
        let own = match operation.outcome {
            Outcome::Ok => Sure::Yes,
            Outcome::Unknown => Sure::Maybe,
            Outcome::Fail => Sure::No,
        };
        match operation.transaction {
            None => own,
            Some(number) => own.min(self.transaction(number).sure()),
        }
    }

    fn transaction(&self, number: u32) -> Transaction {
        self.transactions.get(&number).copied().unwrap_or_default()
    }

    /// When an operation that has happened was there for others to see.
    pub fn there(&self, operation: &Operation) -> Duration {
        let transaction = operation.transaction.map(|number| self.transaction(number));
        let committed = transaction.and_then(|transaction| transaction.committed);
        committed.unwrap_or_default().max(operation.end)
    }

    /// When a transaction's commit was first asked for, if it may have been committed.
    pub fn commit_asked(&self, number: u32) -> Option<Duration> {
        let transaction = self.transaction(number);
        transaction.asked.filter(|_| transaction.sure() != Sure::No)
    }

    /// The operation that aborted a transaction.
    pub fn aborted(&self, number: u32) -> Option<&'a Operation> {
        let index = self.transaction(number).aborted?;
        Some(&self.operations[index])
    }

    /// All publications of a message, in the order of time.
    pub fn publishes(&self, message: u32) -> impl Iterator<Item = (usize, &'a Operation)> {
        let indices = self.publishes.get(&message).into_iter().flatten();
        indices.map(|&index| (index, &self.operations[index]))
    }

    /// Each topic or stream and message in it, with the positions at which it stands and the
    /// operation that shows each.
    pub fn copies(&self) -> impl Iterator<Item = (&'a str, u32, &Copies)> {
        let copies = self.copies.iter();
        copies.map(|(&(log, message), copies)| (log, message, copies))
    }

    /// What each group has settled, for certain or perhaps.
    pub fn settled(&self) -> Settled<'a> {
        let mut settled = Settled::default();
        for (_, operation) in self.all() {
            let group = operation.group.as_str();
            match operation.kind {
                _ if self.sure(operation) == Sure::No => {}
                Kind::Ack | Kind::Reject | Kind::Effect => {
                    settled.messages.insert((group, operation.message));
                }
                Kind::Commit => {
                    if let Some((log, next)) = operation.place.as_ref().and_then(position) {
                        let committed = settled.committed.entry((group, log)).or_default();
                        *committed = next.max(*committed);
                    }
                }
                _ => {}
            }
        }
        settled
    }
}

/// What groups have settled.
#[derive(Default)]
pub struct Settled<'a> {
    messages: HashSet<(&'a str, u32)>,
    committed: HashMap<(&'a str, Log<'a>), u64>,
}

impl<'a> Settled<'a> {
    /// Whether a group may have settled a message by itself: acknowledged, refused, or worked on.
    pub fn alone(&self, group: &'a str, message: u32) -> bool {
        self.messages.contains(&(group, message))
    }

    /// Whether a group may have committed a position past a place.
    pub fn past(&self, group: &'a str, place: Option<&'a Place>) -> bool {
        place.and_then(position).is_some_and(|(log, at)| {
            let next = self.committed.get(&(group, log));
            next.is_some_and(|&next| at < next)
        })
    }
}

/// The partition or stream of a place, and the position in it. None for a queue.
pub fn position(place: &Place) -> Option<(Log<'_>, u64)> {
    let (partition, position) = place.position()?;
    Some(((place.log(), partition), position))
}
