//! The order in which a partition was written and read.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::facts::{Facts, Log, Sure, position};
use super::say::{self, anomaly, stands, time, who};
use crate::operation::{Kind, Operation, Place};
use crate::{Anomaly, AnomalyName};

/// Polls that went back in a partition, or passed over a message of it. Over a new assignment
/// both are legal: the position is the group's then, not the consumer's.
pub fn polls(facts: &Facts) -> Vec<Anomaly> {
    let mut stored: HashMap<Log, BTreeMap<u64, u32>> = HashMap::new();
    for (log, message, copies) in facts.copies() {
        for &(partition, at) in copies.keys() {
            let stored = stored.entry((log, partition)).or_default();
            stored.insert(at, message);
        }
    }
    // The position of each consumer in each partition, and its latest message there.
    let mut positions: HashMap<(&str, &str, Log), (u64, Option<&Operation>)> = HashMap::new();
    let mut found = Vec::new();
    for (index, operation) in facts.all() {
        let Some(place @ Place::Offset { .. }) = &operation.place else {
            continue;
        };
        let Some((log, at)) = position(place).filter(|_| operation.is_ok()) else {
            continue;
        };
        let reader = (operation.process.as_str(), operation.group.as_str(), log);
        if operation.kind == Kind::Assign {
            positions.insert(reader, (at, None));
        }
        if operation.kind != Kind::Receive {
            continue;
        }
        let Some((next, last)) = positions.insert(reader, (at + 1, Some(operation))) else {
            continue;
        };
        let from = match last {
            Some(last) => format!("after o-{}{}", last.message, at_position(last)),
            None => format!("after its assignment from offset {next}"),
        };
        if at < next {
            let sentence = format!(
                "{} got o-{}{} at {}, {from} and without a new assignment",
                operation.process,
                operation.message,
                stands(Some(place)),
                time(operation.moment()),
            );
            let last = last.map(|last| last.message);
            let messages = [operation.message].into_iter().chain(last);
            found.push(anomaly(
                AnomalyName::NonmonotonicPoll,
                index,
                operation,
                messages.collect(),
                sentence,
            ));
            continue;
        }
        let Some(stored) = stored.get(&log) else {
            continue;
        };
        let passed: Vec<(&u64, &u32)> = stored.range(next..at).collect();
        if let Some((offset, message)) = passed.first() {
            let more = match passed.len() {
                1 => String::new(),
                count => format!(" and {} more", count - 1),
            };
            let sentence = format!(
                "{} got o-{}{} at {}, {from}, and passed over o-{message} at offset {offset}{more}",
                operation.process,
                operation.message,
                stands(Some(place)),
                time(operation.moment()),
            );
            found.push(anomaly(
                AnomalyName::SkippedPoll,
                index,
                operation,
                passed.iter().map(|(_, message)| **message).collect(),
                sentence,
            ));
        }
    }
    found
}

/// ` at offset 7 (1.204 s)`
fn at_position(operation: &Operation) -> String {
    let place = operation.place.as_ref().map(say::position);
    let place = place.unwrap_or_default();
    format!(" at {place} ({})", time(operation.moment()))
}

/// Messages of one key that changed places between their publisher and the broker, or between the
/// broker and the work.
pub fn reordered(facts: &Facts) -> Vec<Anomaly> {
    let mut keys: BTreeMap<(&str, &str), Vec<u32>> = BTreeMap::new();
    let mut sent: Vec<(Duration, usize, &Operation)> = facts
        .all()
        .into_iter()
        .filter(|(_, publish)| publish.kind == Kind::Publish && facts.sure(publish) != Sure::No)
        .map(|(index, publish)| (publish.invoke, index, publish))
        .collect();
    sent.sort_by_key(|(invoke, index, _)| (*invoke, *index));
    let mut first: HashMap<u32, &Operation> = HashMap::new();
    for (_, _, publish) in sent {
        let Some(key) = &publish.key else { continue };
        if first.insert(publish.message, publish).is_none() {
            let key = (publish.process.as_str(), key.as_str());
            keys.entry(key).or_default().push(publish.message);
        }
    }
    let orders = [in_logs(facts), at_work(facts), at_receipt(facts)];
    let mut found = Vec::new();
    for ((publisher, key), messages) in &keys {
        for order in orders.iter().flatten() {
            // From the last message back to the first, the one that comes first of all later ones.
            let mut earliest: Option<(u32, &Step)> = None;
            for &message in messages.iter().rev() {
                let Some(step) = order.steps.get(&message) else {
                    continue;
                };
                let Some((other, before)) = earliest else {
                    earliest = Some((message, step));
                    continue;
                };
                if before.end < step.begin {
                    let sentence = format!(
                        "{publisher} sent o-{message} before o-{other} (key {key}), and {} o-{other} \
                         first: {} and {}",
                        order.verb,
                        order.tell(other, before),
                        order.tell(message, step),
                    );
                    found.push(anomaly(
                        AnomalyName::Reordered,
                        step.index,
                        step.operation,
                        vec![message, other],
                        sentence,
                    ));
                }
                if step.end < before.end {
                    earliest = Some((message, step));
                }
            }
        }
    }
    found
}

/// An order in which messages were stored, got, or worked on.
struct Order<'a> {
    /// `orders/0 has`, `payments did`
    verb: String,
    /// Whether the verb tells in which log they stand.
    names_log: bool,
    steps: HashMap<u32, Step<'a>>,
}

/// A message's place in an order: it comes after all that end before it begins.
struct Step<'a> {
    begin: u128,
    end: u128,
    index: usize,
    operation: &'a Operation,
}

impl Order<'_> {
    /// `o-3 at offset 7 (shop, 1.204 s)`, or `o-3 with delivery tag 7 of payments (worker 1, 1.204 s)`
    fn tell(&self, message: u32, step: &Step) -> String {
        let place = step.operation.place.as_ref();
        let place = match self.names_log {
            true => say::within(place),
            false => stands(place),
        };
        format!("o-{message}{place}{}", who(step.operation))
    }
}

/// The order of each partition and each stream, by the first position of each message.
fn in_logs<'a>(facts: &Facts<'a>) -> Vec<Order<'a>> {
    let mut logs: BTreeMap<Log, Order> = BTreeMap::new();
    for (log, message, copies) in facts.copies() {
        for (&(partition, at), &index) in copies {
            let operation = facts.operation(index);
            let order = logs.entry((log, partition)).or_insert_with(|| Order {
                verb: match &operation.place {
                    Some(Place::Offset { .. }) => format!("{log}/{partition} has"),
                    _ => format!("{log} has"),
                },
                names_log: true,
                steps: HashMap::new(),
            });
            // Positions are in ascending order.
            order.steps.entry(message).or_insert(Step {
                begin: at.into(),
                end: at.into(),
                index,
                operation,
            });
        }
    }
    logs.into_values().collect()
}

/// The order in which each group first did the work of its messages.
fn at_work<'a>(facts: &Facts<'a>) -> Vec<Order<'a>> {
    let mut groups: BTreeMap<&str, Order> = BTreeMap::new();
    for (index, effect) in facts.ok(Kind::Effect) {
        if facts.sure(effect) != Sure::Yes {
            continue;
        }
        let order = groups.entry(&effect.group).or_insert_with(|| Order {
            verb: format!("{} did", effect.group),
            names_log: false,
            steps: HashMap::new(),
        });
        order.steps.entry(effect.message).or_insert(Step {
            begin: effect.invoke.as_nanos(),
            end: effect.end.as_nanos(),
            index,
            operation: effect,
        });
    }
    groups.into_values().collect()
}

/// The order in which each consumer got messages that its group had not got before, where the
/// group's work is not in the history.
fn at_receipt<'a>(facts: &Facts<'a>) -> Vec<Order<'a>> {
    let working: HashSet<&str> = facts
        .ok(Kind::Effect)
        .map(|(_, effect)| effect.group.as_str())
        .collect();
    let mut got: HashSet<(&str, u32)> = HashSet::new();
    let mut consumers: BTreeMap<(&str, &str), Order> = BTreeMap::new();
    for (index, receive) in facts.ok(Kind::Receive) {
        if working.contains(receive.group.as_str())
            || !got.insert((&receive.group, receive.message))
        {
            continue;
        }
        let consumer = (receive.group.as_str(), receive.process.as_str());
        let order = consumers.entry(consumer).or_insert_with(|| Order {
            verb: format!("{} got", receive.process),
            names_log: false,
            steps: HashMap::new(),
        });
        let end = receive.end.as_nanos();
        order.steps.entry(receive.message).or_insert(Step {
            begin: end,
            end,
            index,
            operation: receive,
        });
    }
    consumers.into_values().collect()
}
