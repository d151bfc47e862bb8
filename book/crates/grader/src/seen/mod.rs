//! What a proxy's frames say of the programs behind it, as operations that the checker knows.
//!
//! The work on a message is what a program publishes about it, when it has got it. What a program
//! does elsewhere, in a database, no frame tells.

mod amqp;
mod kafka;
mod nats;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use history::{Operation, Place};
use wire::{Fields, Frame, Session};

use crate::once::orders;

/// Who has published what was there already.
const STORY: &str = "the shop";

/// A program that ran, and when.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// Who it is in the shop.
    pub(crate) lane: String,
    /// The same; of a second one with its number.
    pub(crate) name: String,
    pub(crate) from: Duration,
    /// None while it runs.
    pub(crate) to: Option<Duration>,
}

/// What frames say, oldest first. All times are of one clock.
pub(crate) fn operations(frames: &[Frame], sessions: &[Session], runs: &[Run]) -> Vec<Operation> {
    let mut seen = Seen::new(sessions, runs);
    match frames.iter().map(|frame| &frame.fields).find(is_known) {
        Some(Fields::Nats(_)) => nats::read(&mut seen, frames),
        Some(Fields::Amqp(_)) => amqp::read(&mut seen, frames),
        Some(Fields::Kafka(_)) => kafka::read(&mut seen, frames),
        Some(Fields::None) | None => {}
    }
    seen.operations
}

fn is_known(fields: &&Fields) -> bool {
    !matches!(fields, Fields::None)
}

/// What an answer says of what was asked for; of several answers the greatest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Says {
    /// It is done.
    Yes,
    /// It is not, and will not be.
    No,
    /// It may be done in part, or later.
    Open,
}

/// What a broker has said to a message that was published.
#[derive(Clone, Debug)]
struct Answer {
    at: Duration,
    /// Whether it has the message.
    says: Says,
    place: Option<Place>,
}

/// What becomes of a message that a consumer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    Done,
    Back,
    Refused,
}

struct Seen {
    operations: Vec<Operation>,
    /// By connection: who has opened it.
    processes: BTreeMap<u32, String>,
    /// By message: the groups that have got it.
    groups: BTreeMap<u32, BTreeSet<String>>,
    /// The messages that are known to have been published.
    published: BTreeSet<u32>,
    /// By group and message: where the results of its work stand.
    stored: BTreeSet<(String, u32, Place)>,
}

impl Seen {
    fn new(sessions: &[Session], runs: &[Run]) -> Seen {
        let mut seen = Seen {
            operations: Vec::new(),
            processes: BTreeMap::new(),
            groups: BTreeMap::new(),
            published: BTreeSet::new(),
            stored: BTreeSet::new(),
        };
        for session in sessions {
            let process = process(session, runs);
            let open = Operation::open(&process, session.connection);
            seen.operations.push(open.when(session.opened));
            if let Some(closed) = session.closed {
                let close = Operation::close(&process, session.connection);
                seen.operations.push(close.when(closed));
            }
            seen.processes.insert(session.connection, process);
        }
        seen
    }

    fn process(&self, frame: &Frame) -> String {
        let known = self.processes.get(&frame.connection);
        known.map_or_else(|| nameless(frame.connection), Clone::clone)
    }

    /// A consumer of this group gets a message.
    fn gets(&mut self, frame: &Frame, group: &str, message: u32, place: Place, again: bool) {
        if self.published.insert(message) {
            // The story has published it, past the proxy.
            let published = Operation::publish(STORY, message).at(place.clone());
            self.operations.push(published.when(Duration::ZERO));
        }
        let got = Operation::receive(self.process(frame), group, message);
        let got = got.at(place).when(frame.at);
        self.operations
            .push(if again { got.redelivered() } else { got });
        let groups = self.groups.entry(message).or_default();
        groups.insert(group.to_owned());
    }

    /// A consumer of this group settles a message.
    fn settles(&mut self, frame: &Frame, group: &str, message: u32, place: Place, how: Settled) {
        let process = self.process(frame);
        let settled = match how {
            Settled::Done => Operation::ack(process, group, message),
            Settled::Back => Operation::nack(process, group, message),
            Settled::Refused => Operation::reject(process, group, message),
        };
        self.operations.push(settled.at(place).when(frame.at));
    }

    /// A program publishes a message. For whoever has got it, that is the work on it.
    fn publishes(
        &mut self,
        frame: &Frame,
        message: u32,
        answer: Option<&Answer>,
        transaction: Option<u32>,
    ) {
        let process = self.process(frame);
        let groups = self.groups.get(&message).cloned().unwrap_or_default();
        let place = answer
            .filter(|it| it.says == Says::Yes)
            .and_then(|it| it.place.as_ref());
        let mut all = Vec::new();
        for group in &groups {
            // A broker that has the result already says the same place again: it is stored once.
            let is_new = place.is_none_or(|place| {
                let stored = (group.clone(), message, place.clone());
                self.stored.insert(stored)
            });
            if is_new {
                all.push(Operation::effect(&process, group, message));
            }
        }
        if groups.is_empty() {
            self.published.insert(message);
            all.push(Operation::publish(&process, message));
        }
        for operation in all {
            let operation = match transaction {
                Some(number) => operation.within(number),
                None => operation,
            };
            self.operations.push(match answer {
                None => operation.during(frame.at, frame.at).unknown(),
                Some(Answer { at, says, place }) => {
                    let operation = operation.during(frame.at, *at);
                    match (says, place) {
                        (Says::Open, _) => operation.unknown(),
                        (Says::No, _) => operation.failed(),
                        (Says::Yes, Some(place)) => operation.at(place.clone()),
                        (Says::Yes, None) => operation,
                    }
                }
            });
        }
    }
}

/// Who has opened a connection: the one program that ran then. Of several, nobody can tell.
fn process(session: &Session, runs: &[Run]) -> String {
    let mut ran = runs.iter().filter(|run| {
        run.from <= session.opened && run.to.is_none_or(|ended| session.opened <= ended)
    });
    match (ran.next(), ran.next()) {
        (Some(run), None) => run.name.clone(),
        _ => nameless(session.connection),
    }
}

fn nameless(connection: u32) -> String {
    format!("connection {connection}")
}
