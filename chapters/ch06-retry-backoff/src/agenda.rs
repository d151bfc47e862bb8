//! What is to be tried when: the tries of all orders, in the order of their times.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::args::Wait;
use crate::waits::{Waits, waits};

/// One order on its way to the broker.
pub struct Try {
    /// When, counted from the moment that the broker died.
    pub at: Duration,
    pub order: u32,
    /// Whether it was tried before.
    pub again: bool,
    waits: Waits,
}

impl Try {
    /// The first try.
    pub fn first(order: u32, at: Duration, wait: Wait) -> Try {
        let waits = waits(wait, order);
        Try {
            at,
            order,
            again: false,
            waits,
        }
    }

    /// The next try, after a wait.
    pub fn later(mut self) -> Option<Try> {
        self.at += self.waits.next()?;
        self.again = true;
        Some(self)
    }
}

/// All tries to come.
#[derive(Default)]
pub struct Agenda {
    tries: BTreeMap<(Duration, u32), Try>,
}

impl Agenda {
    pub fn add(&mut self, next: Try) {
        self.tries.insert((next.at, next.order), next);
    }

    /// The earliest try.
    pub fn next(&mut self) -> Option<Try> {
        self.tries.pop_first().map(|(_, next)| next)
    }

    /// How many orders wait for another try.
    pub fn waiting(&self) -> usize {
        self.tries.values().filter(|next| next.again).count()
    }
}
