//! What the broker stored: once, kept, and got by all who must get it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use super::facts::{Facts, Log, Settled, Sure, position};
use super::say::{self, anomaly, stands, time, who, whose};
use crate::operation::{Kind, Operation, Place};
use crate::{Anomaly, AnomalyName};

/// A message that the broker has stored, or whose publication says so.
struct Stored<'a> {
    message: u32,
    index: usize,
    operation: &'a Operation,
    place: Option<&'a Place>,
}

/// Where messages were seen, by readers of the record and by consumers.
struct Seen<'a> {
    /// Which logs hold which messages.
    held: HashMap<(&'a str, u32), usize>,
    /// When each log was last read to its end.
    listed: HashMap<&'a str, Duration>,
    received: HashSet<(&'a str, u32)>,
    by_anyone: HashSet<u32>,
    /// How far each group has read each partition.
    furthest: HashMap<(&'a str, Log<'a>), (u64, &'a Operation)>,
    settled: Settled<'a>,
}

impl<'a> Seen<'a> {
    fn of(facts: &Facts<'a>) -> Seen<'a> {
        let mut seen = Seen {
            held: HashMap::new(),
            listed: HashMap::new(),
            received: HashSet::new(),
            by_anyone: HashSet::new(),
            furthest: HashMap::new(),
            settled: facts.settled(),
        };
        for (index, operation) in facts.all() {
            let Some(place) = operation.place.as_ref().filter(|_| operation.is_ok()) else {
                continue;
            };
            match operation.kind {
                Kind::Held => {
                    let held = seen.held.entry((place.log(), operation.message));
                    held.or_insert(index);
                }
                Kind::Listed => drop(seen.listed.insert(place.log(), operation.invoke)),
                _ => {}
            }
        }
        for (_, receive) in facts.ok(Kind::Receive) {
            seen.by_anyone.insert(receive.message);
            seen.received.insert((&receive.group, receive.message));
            if let Some((log, at)) = receive.place.as_ref().and_then(position) {
                let furthest = seen.furthest.entry((&receive.group, log));
                let furthest = furthest.or_insert((at, receive));
                if at > furthest.0 {
                    *furthest = (at, receive);
                }
            }
        }
        seen
    }

    /// Whether a group may have settled a message. A position that is committed past one that the
    /// group has not got settles nothing.
    fn is_settled(&self, stored: &Stored<'a>, group: &'a str) -> bool {
        let received = self.received.contains(&(group, stored.message));
        self.settled.alone(group, stored.message)
            || (received && self.settled.past(group, stored.place))
    }

    /// Whether what an operation stored is missing where it must be: the log was read to its end
    /// after it, and did not hold it.
    fn is_gone(&self, stored: &Stored, home: &str) -> bool {
        let listed = self.listed.get(home);
        listed.is_some_and(|&listed| stored.operation.end <= listed)
            && !self.held.contains_key(&(home, stored.message))
    }
}

/// Messages that the broker has lost, and messages that a group has not got.
pub fn lost_and_unseen<'a>(facts: &Facts<'a>, groups: &'a [String]) -> Vec<Anomaly> {
    let seen = Seen::of(facts);
    let mut found = Vec::new();
    for stored in all_stored(facts) {
        if let Some(sentence) = lost(facts, &seen, &stored, groups) {
            found.push(stored.anomaly(AnomalyName::LostWrite, sentence));
            continue;
        }
        for group in groups {
            if !seen.received.contains(&(group, stored.message)) {
                let sentence = format!("{stored}, and {group} has not got it");
                found.push(stored.anomaly(AnomalyName::Unseen, sentence));
            }
        }
    }
    found.extend(unseen_in_queues(facts, &seen, groups));
    found
}

/// The reason for which a stored message is lost, if it is.
fn lost<'a>(
    facts: &Facts<'a>,
    seen: &Seen<'a>,
    stored: &Stored<'a>,
    groups: &'a [String],
) -> Option<String> {
    let settled = |group: &'a str| seen.is_settled(stored, group);
    let Some((log, at)) = stored.place.and_then(position) else {
        // Each queue that must have it has a copy of its own.
        let queue = groups
            .iter()
            .find(|group| !settled(group) && seen.is_gone(stored, group))?;
        return Some(format!(
            "{stored}; {queue} holds it no more, and nobody has acknowledged it there"
        ));
    };
    if seen.is_gone(stored, log.0) {
        // Where it is not said which groups must have it, one that has settled it is enough.
        let missing = groups.iter().find(|group| !settled(group));
        let not = match (missing, facts.groups().any(settled)) {
            (_, false) => "nobody has settled it".to_owned(),
            (Some(group), true) => format!("{group} has not settled it"),
            (None, true) => return None,
        };
        return Some(format!("{stored}; {} holds it no more, and {not}", log.0));
    }
    // Where nobody looked into the record, a group that has read on is the witness.
    let is_offset = matches!(stored.place, Some(Place::Offset { .. }));
    if !is_offset
        || seen.listed.contains_key(log.0)
        || seen.held.contains_key(&(log.0, stored.message))
        || seen.by_anyone.contains(&stored.message)
    {
        return None;
    }
    let (group, further) = groups.iter().find_map(|group| {
        let (furthest, receive) = seen.furthest.get(&(group.as_str(), log))?;
        (*furthest > at).then_some((group, *receive))
    })?;
    Some(format!(
        "{stored}; {group} has read on{}, and nobody has got it",
        to(further)
    ))
}

/// ` to offset 9 (worker 1, 1.310 s)`
fn to(further: &Operation) -> String {
    let place = further
        .place
        .as_ref()
        .map(say::position)
        .unwrap_or_default();
    format!(" to {place}{}", who(further))
}

impl Stored<'_> {
    fn anomaly(&self, name: AnomalyName, sentence: String) -> Anomaly {
        let mut anomaly = anomaly(
            name,
            self.index,
            self.operation,
            vec![self.message],
            sentence,
        );
        anomaly.place = self.place.cloned();
        anomaly
    }
}

/// `o-3 was stored at offset 7 of orders/0 (shop, 1.204 s)`
impl std::fmt::Display for Stored<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (message, stands, who) = (self.message, stands(self.place), who(self.operation));
        write!(f, "o-{message} was stored{stands}{who}")
    }
}

/// All messages that are certainly stored: acknowledged, or seen in a log.
fn all_stored<'a>(facts: &Facts<'a>) -> Vec<Stored<'a>> {
    let mut all: BTreeMap<u32, Stored> = BTreeMap::new();
    for (index, operation) in facts.ok(Kind::Publish) {
        if facts.sure(operation) == Sure::Yes {
            all.entry(operation.message).or_insert(Stored {
                message: operation.message,
                index,
                operation,
                place: operation.place.as_ref(),
            });
        }
    }
    for (_, message, copies) in facts.copies() {
        let Some(&index) = copies.values().next() else {
            continue;
        };
        let operation = facts.operation(index);
        let place = operation.place.as_ref();
        let is_published = facts
            .publishes(message)
            .any(|(_, publish)| publish.may_be());
        if is_published {
            let stored = all.entry(message).or_insert(Stored {
                message,
                index,
                operation,
                place,
            });
            stored.place = stored.place.or(place);
        }
    }
    all.into_values().collect()
}

/// Messages whose publication had no answer, that stand in a queue and were never delivered.
fn unseen_in_queues(facts: &Facts, seen: &Seen, groups: &[String]) -> Vec<Anomaly> {
    let certain: BTreeSet<u32> = all_stored(facts)
        .iter()
        .map(|stored| stored.message)
        .collect();
    let mut found = Vec::new();
    for (&(queue, message), &index) in &seen.held {
        let held = facts.operation(index);
        let is_published = facts
            .publishes(message)
            .any(|(_, publish)| publish.may_be());
        if is_published
            && !certain.contains(&message)
            && groups.iter().any(|group| group == queue)
            && !seen.received.contains(&(queue, message))
        {
            let sentence = format!("o-{message} stands{}, and was never delivered", whose(held));
            found.push(anomaly(
                AnomalyName::Unseen,
                index,
                held,
                vec![message],
                sentence,
            ));
        }
    }
    found
}

/// Messages that the broker has stored twice: at two positions, or as two new messages of a queue.
pub fn duplicates(facts: &Facts) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for (_, message, copies) in facts.copies() {
        let mut copies: Vec<usize> = copies.values().copied().collect();
        copies.sort_by_key(|&index| (facts.operation(index).moment(), index));
        let Some((&first, others)) = copies.split_first() else {
            continue;
        };
        for &index in others {
            let copy = facts.operation(index);
            let sentence = format!(
                "o-{message} is stored twice:{} and{}",
                whose(facts.operation(first)),
                whose(copy),
            );
            found.push(anomaly(
                AnomalyName::Duplicate,
                index,
                copy,
                vec![message],
                sentence,
            ));
        }
    }
    found.extend(duplicates_in_queues(facts));
    found
}

/// A queue delivers a message as new once for each time that it was stored: once, and once more
/// after each refusal, since a refused message may come back by way of a dead-letter exchange.
fn duplicates_in_queues(facts: &Facts) -> Vec<Anomaly> {
    let mut fresh: HashMap<(&str, u32), Vec<&Operation>> = HashMap::new();
    let mut found = Vec::new();
    for (index, operation) in facts.all() {
        let Some(Place::Queue { queue, .. }) = &operation.place else {
            continue;
        };
        let fresh = fresh.entry((queue, operation.message)).or_default();
        match operation.kind {
            Kind::Reject if operation.may_be() => fresh.clear(),
            Kind::Receive if operation.is_ok() && !operation.redelivered => {
                if let Some(first) = fresh.first() {
                    let sentence = format!(
                        "{queue} had o-{} twice: it came as new to {}{} at {} and to {}{} at {}",
                        operation.message,
                        first.process,
                        say::within(first.place.as_ref()),
                        time(first.moment()),
                        operation.process,
                        say::within(operation.place.as_ref()),
                        time(operation.moment()),
                    );
                    found.push(anomaly(
                        AnomalyName::Duplicate,
                        index,
                        operation,
                        vec![operation.message],
                        sentence,
                    ));
                }
                fresh.push(operation);
            }
            _ => {}
        }
    }
    found.extend(held_twice(facts));
    found
}

/// Messages that a queue's record shows twice.
fn held_twice(facts: &Facts) -> Vec<Anomaly> {
    let mut held: HashSet<(&str, u32)> = HashSet::new();
    let mut found = Vec::new();
    for (index, operation) in facts.ok(Kind::Held) {
        let Some(Place::Queue { queue, .. }) = &operation.place else {
            continue;
        };
        if !held.insert((queue, operation.message)) {
            let sentence = format!(
                "{queue} holds o-{} twice{}",
                operation.message,
                who(operation)
            );
            found.push(anomaly(
                AnomalyName::Duplicate,
                index,
                operation,
                vec![operation.message],
                sentence,
            ));
        }
    }
    found
}
