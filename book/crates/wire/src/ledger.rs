//! What has passed, and what is to happen to what will.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::act::{Rule, What};
use crate::{Error, Fate, Frame, Kind, Session, Strike};

/// How many frames are kept; so of strikes and of sessions.
const MOST: usize = 10_000;

#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) rules: Vec<Rule>,
    counts: BTreeMap<Kind, u64>,
    pub(crate) frames: Vec<Frame>,
    pub(crate) left_out: u64,
    pub(crate) strikes: Vec<Strike>,
    /// How many strikes there were; not all of them are kept.
    pub(crate) struck: u64,
    /// Frames that a partition has held up.
    pub(crate) withheld: u64,
    /// Connections that are open, and all that ever were.
    pub(crate) open: u32,
    pub(crate) opened: u32,
    pub(crate) sessions: Vec<Session>,
    /// What stood in the proxy's way; the first thing counts.
    pub(crate) problem: Option<Arc<Error>>,
}

impl Ledger {
    /// Enters a frame, and says what is to become of it.
    pub(crate) fn enter(&mut self, frame: Frame) -> Option<(What, Frame)> {
        *self.counts.entry(frame.kind).or_default() += 1;
        let mut hit = None;
        for (place, rule) in self.rules.iter_mut().enumerate() {
            match rule.before.checked_sub(1) {
                _ if rule.kind != frame.kind => {}
                Some(before) => rule.before = before,
                None => hit = hit.or(Some(place)),
            }
        }
        let hit = hit.map(|place| (self.rules.remove(place).what, frame.clone()));
        match self.frames.len() < MOST {
            true => self.frames.push(frame),
            false => self.left_out += 1,
        }
        hit
    }

    /// A connection is there; gives its number.
    pub(crate) fn open(&mut self, at: Duration) -> u32 {
        self.open += 1;
        self.opened += 1;
        if self.sessions.len() < MOST {
            self.sessions.push(Session {
                connection: self.opened,
                opened: at,
                closed: None,
            });
        }
        self.opened
    }

    /// A connection has ended.
    pub(crate) fn close(&mut self, at: Duration, connection: u32) {
        self.open -= 1;
        // They are numbered from 1.
        let place = usize::try_from(connection)
            .ok()
            .and_then(|it| it.checked_sub(1));
        if let Some(session) = place.and_then(|place| self.sessions.get_mut(place)) {
            session.closed = Some(at);
        }
    }

    pub(crate) fn count(&self, kind: Kind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or_default()
    }

    pub(crate) fn strike(&mut self, at: Duration, fate: Fate, frame: Frame) {
        self.struck += 1;
        if self.strikes.len() < MOST {
            let kind = frame.kind;
            self.strikes.push(Strike {
                at,
                fate,
                kind,
                frame,
            });
        }
    }
}
