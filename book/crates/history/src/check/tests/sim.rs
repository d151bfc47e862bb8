//! Small brokers that lose no message, and write down what a run on them looks like: histories in
//! which nothing is wrong, with redeliveries, answers that never came, crashes and transactions.

mod kafka;
mod nats;
mod rabbit;

use std::time::Duration;

use super::{Expect, History, Operation};
use crate::AnomalyName;

/// A run that is being written down.
struct Tape {
    rng: fastrand::Rng,
    /// Microseconds since the run's start.
    now: u64,
    operations: Vec<Operation>,
    connections: u32,
}

impl Tape {
    fn new(seed: u64) -> Tape {
        Tape {
            rng: fastrand::Rng::with_seed(seed),
            now: 0,
            operations: Vec::new(),
            connections: 0,
        }
    }

    /// True in so many of a hundred cases.
    fn chance(&mut self, percent: u8) -> bool {
        self.rng.u8(..100) < percent
    }

    /// Time goes on a little.
    fn tick(&mut self) -> Duration {
        self.now += self.rng.u64(1..2000);
        Duration::from_micros(self.now)
    }

    fn now(&self) -> Duration {
        Duration::from_micros(self.now)
    }

    /// An operation that begins now and ends a little later.
    fn put(&mut self, operation: Operation) {
        let invoke = self.tick();
        let end = self.tick();
        self.operations.push(operation.during(invoke, end));
    }

    fn open(&mut self, process: &str) -> u32 {
        self.connections += 1;
        let connection = self.connections;
        self.put(Operation::open(process, connection));
        connection
    }

    fn close(&mut self, process: &str, connection: u32) {
        self.put(Operation::close(process, connection));
    }

    /// The history. Each process may have been observed by itself, so that its operations stand
    /// beside each other.
    fn history(mut self, expect: Expect) -> History {
        if self.chance(50) {
            self.operations
                .sort_by(|one, other| one.process.cmp(&other.process));
        }
        let mut history = History::new(expect);
        history.extend(self.operations);
        history
    }
}

/// How strict a run's promise is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// The broker stores once, an inbox works once, keys stay in order.
    ExactlyOnce,
    /// A publisher retries without an id, a worker has no inbox.
    AtLeastOnce,
}

impl Promise {
    fn is_strict(self) -> bool {
        self == Promise::ExactlyOnce
    }

    fn expect(self) -> Expect {
        match self {
            Promise::ExactlyOnce => Expect::exactly_once(),
            Promise::AtLeastOnce => Expect::at_least_once(),
        }
    }
}

/// The three brokers.
pub const SHAPES: [fn(u64, Promise) -> History; 3] = [kafka::run, nats::run, rabbit::run];
