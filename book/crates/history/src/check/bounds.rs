//! What a process may have open at once.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use super::facts::{Facts, Log, position};
use super::say::{anomaly, stands, time};
use crate::operation::{Kind, Operation, Place};
use crate::{Anomaly, AnomalyName};

/// Consumers that held more than `bound` messages that they had not settled. Each is told once.
pub fn in_flight(facts: &Facts, bound: usize) -> Vec<Anomaly> {
    let mut held: HashMap<(&str, &str), Vec<&Operation>> = HashMap::new();
    let mut told = HashSet::new();
    let mut found = Vec::new();
    let all = settling_first(facts);
    // What is settled at the moment at which it comes is never held: nobody acknowledges it.
    let acks = all.iter().filter(|(_, it)| it.kind == Kind::Ack);
    let at_once: HashSet<Delivery> = acks.map(|(_, it)| delivery(it)).collect();
    for (index, operation) in all {
        let consumer = (operation.process.as_str(), operation.group.as_str());
        match operation.kind {
            Kind::Receive if at_once.contains(&delivery(operation)) => {}
            Kind::Receive if operation.is_ok() => {
                // Who gets it again, or another in his place, holds it once: the broker has taken it
                // back.
                let again = |it: &Operation| {
                    let has_position = it.place.as_ref().and_then(position).is_some();
                    let same_place = has_position && it.place == operation.place;
                    it.message == operation.message && (operation.redelivered || same_place)
                };
                for ((_, group), held) in &mut held {
                    if *group == consumer.1 {
                        held.retain(|it| !again(it));
                    }
                }
                let held = held.entry(consumer).or_default();
                held.push(operation);
                if held.len() > bound && told.insert(consumer) {
                    let sentence = format!(
                        "{} held {} messages of {} at once when it got o-{}{} at {}, and {bound} were \
                         allowed",
                        consumer.0,
                        held.len(),
                        consumer.1,
                        operation.message,
                        stands(operation.place.as_ref()),
                        time(operation.moment()),
                    );
                    found.push(anomaly(
                        AnomalyName::UnboundedInFlight,
                        index,
                        operation,
                        held.iter().rev().map(|held| held.message).collect(),
                        sentence,
                    ));
                }
            }
            Kind::Ack | Kind::Nack | Kind::Reject if operation.may_be() => {
                let held = held.entry(consumer).or_default();
                if let Some(at) = held
                    .iter()
                    .position(|received| received.message == operation.message)
                {
                    held.remove(at);
                }
            }
            Kind::Commit if operation.may_be() => {
                let next = operation.place.as_ref().and_then(position);
                let held = held.entry(consumer).or_default();
                held.retain(|received| !is_before(received.place.as_ref(), next));
            }
            // What a consumer held is given to others.
            Kind::Assign | Kind::Close => {
                for (consumer, held) in &mut held {
                    if consumer.0 == operation.process {
                        held.clear();
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// Who got which message, and when.
type Delivery<'a> = (&'a str, &'a str, u32, Duration);

fn delivery(operation: &Operation) -> Delivery<'_> {
    let (process, group) = (&operation.process, &operation.group);
    (process, group, operation.message, operation.moment())
}

/// All operations in the order of time; of those at one moment, those that settle come first.
fn settling_first<'a>(facts: &Facts<'a>) -> Vec<(usize, &'a Operation)> {
    let mut all = facts.all();
    all.sort_by_key(|(_, operation)| (operation.moment(), operation.kind == Kind::Receive));
    all
}

fn is_before(place: Option<&Place>, next: Option<(Log, u64)>) -> bool {
    match (place.and_then(position), next) {
        (Some((log, at)), Some((committed, next))) => log == committed && at < next,
        _ => false,
    }
}

/// Connections that were not closed, and processes that had more than `bound` open at once.
pub fn connections(facts: &Facts, bound: Option<usize>) -> Vec<Anomaly> {
    let mut open: BTreeMap<&str, BTreeMap<u32, (usize, &Operation)>> = BTreeMap::new();
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    let mut leak = |index, operation: &Operation, why: String| {
        let sentence = format!(
            "{} opened connection {} at {}{why}",
            operation.process,
            operation.connection,
            time(operation.moment()),
        );
        found.push(anomaly(
            AnomalyName::LeakedConnection,
            index,
            operation,
            Vec::new(),
            sentence,
        ));
    };
    for (index, operation) in facts.all() {
        let open = open.entry(&operation.process).or_default();
        match operation.kind {
            Kind::Open if operation.is_ok() => {
                open.insert(operation.connection, (index, operation));
                let Some(bound) = bound.filter(|&bound| open.len() > bound) else {
                    continue;
                };
                if told.insert(operation.connection) {
                    let others = open.len() - 1;
                    leak(
                        index,
                        operation,
                        format!(
                            " beside {others} that it had open, and {bound} in all were allowed"
                        ),
                    );
                }
            }
            Kind::Close => drop(open.remove(&operation.connection)),
            _ => {}
        }
    }
    for (index, operation) in open.values().flat_map(BTreeMap::values) {
        if told.insert(operation.connection) {
            leak(*index, operation, ", and did not close it".to_owned());
        }
    }
    found
}
