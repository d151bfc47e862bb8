//! Work: done once, and before the broker hears of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::facts::{Facts, Log, Sure, position};
use super::say::{anomaly, stands, time, whose};
use crate::operation::{Kind, Operation};
use crate::{Anomaly, AnomalyName};

/// Work that was certainly done twice for one group.
pub fn duplicate_effects(facts: &Facts) -> Vec<Anomaly> {
    let mut first: HashMap<(&str, u32), &Operation> = HashMap::new();
    let mut found = Vec::new();
    for (index, effect) in facts.ok(Kind::Effect) {
        if facts.sure(effect) != Sure::Yes {
            continue;
        }
        let key = (effect.group.as_str(), effect.message);
        let Some(before) = first.get(&key) else {
            first.insert(key, effect);
            continue;
        };
        let sentence = format!(
            "the work of o-{} for {} was done twice: by {} at {} and by {} at {}",
            effect.message,
            effect.group,
            before.process,
            time(before.moment()),
            effect.process,
            time(effect.moment()),
        );
        found.push(anomaly(
            AnomalyName::DuplicateEffect,
            index,
            effect,
            vec![effect.message],
            sentence,
        ));
    }
    found
}

/// When the work of each message was done for each group.
struct Done<'a> {
    /// The first effect or refusal of each message, and when it was there.
    at: HashMap<(&'a str, u32), (Duration, &'a Operation)>,
    /// What was done within a transaction.
    within: HashSet<(&'a str, u32, u32)>,
}

impl<'a> Done<'a> {
    fn of(facts: &Facts<'a>) -> Done<'a> {
        let mut done = Done {
            at: HashMap::new(),
            within: HashSet::new(),
        };
        for (_, operation) in facts.all() {
            if !matches!(operation.kind, Kind::Effect | Kind::Reject) || !operation.is_ok() {
                continue;
            }
            let key = (operation.group.as_str(), operation.message);
            if let Some(transaction) = operation.transaction {
                done.within.insert((key.0, key.1, transaction));
            }
            if facts.sure(operation) == Sure::Yes {
                let there = facts.there(operation);
                let first = done.at.entry(key).or_insert((there, operation));
                if there < first.0 {
                    *first = (there, operation);
                }
            }
        }
        done
    }

    /// Whether a message's work was done when `operation` said so, or is done with it at once.
    fn before(&self, operation: &Operation, message: u32) -> bool {
        let group = operation.group.as_str();
        let first = self.at.get(&(group, message));
        first.is_some_and(|(there, _)| *there <= operation.invoke)
            || operation
                .transaction
                .is_some_and(|transaction| self.within.contains(&(group, message, transaction)))
    }

    /// `before its work was done (worker 1, 1.310 s)`, or `and its work was never done`
    fn when(&self, group: &str, message: u32) -> String {
        match self.at.get(&(group, message)) {
            Some((there, done)) => format!(
                "before its work was done ({}, {})",
                done.process,
                time(*there)
            ),
            None => "and its work was never done".to_owned(),
        }
    }
}

/// Messages that were acknowledged before their work was done.
pub fn acks(facts: &Facts) -> Vec<Anomaly> {
    let done = Done::of(facts);
    let mut told = HashSet::new();
    let mut found = Vec::new();
    for (index, ack) in facts.all() {
        if ack.kind != Kind::Ack || !ack.may_be() || done.before(ack, ack.message) {
            continue;
        }
        if !told.insert((&ack.group, ack.message)) {
            continue;
        }
        let sentence = format!(
            "{} acknowledged o-{}{} at {}, {}",
            ack.process,
            ack.message,
            stands(ack.place.as_ref()),
            time(ack.moment()),
            done.when(&ack.group, ack.message),
        );
        found.push(anomaly(
            AnomalyName::AckBeforeWork,
            index,
            ack,
            vec![ack.message],
            sentence,
        ));
    }
    found
}

/// Commits that went past messages whose work was not done.
pub fn commits(facts: &Facts) -> Vec<Anomaly> {
    let done = Done::of(facts);
    // What each group has got of each partition, and its next position that is not yet judged.
    let mut got: HashMap<(&str, Log), BTreeMap<u64, &Operation>> = HashMap::new();
    for (_, receive) in facts.ok(Kind::Receive) {
        if let Some((log, at)) = receive.place.as_ref().and_then(position) {
            let got = got.entry((&receive.group, log)).or_default();
            got.entry(at).or_insert(receive);
        }
    }
    let mut found = Vec::new();
    for (index, commit) in facts.all() {
        let Some(place) = &commit.place else { continue };
        let Some((log, next)) = position(place) else {
            continue;
        };
        if commit.kind != Kind::Commit || facts.sure(commit) == Sure::No {
            continue;
        }
        let Some(got) = got.get_mut(&(commit.group.as_str(), log)) else {
            continue;
        };
        let later = got.split_off(&next);
        let passed = std::mem::replace(got, later);
        let (passed, later): (BTreeMap<_, _>, BTreeMap<_, _>) = passed
            .into_iter()
            .partition(|(_, receive)| receive.end <= commit.invoke);
        got.extend(later);
        let undone: Vec<&Operation> = passed
            .into_values()
            .filter(|receive| !done.before(commit, receive.message))
            .collect();
        let Some(first) = undone.first() else {
            continue;
        };
        let more = match undone.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        let sentence = format!(
            "{} committed {place} for {} at {}: past o-{}{}{more}, {}",
            commit.process,
            commit.group,
            time(commit.moment()),
            first.message,
            whose(first),
            done.when(&commit.group, first.message),
        );
        let messages = undone.iter().map(|receive| receive.message).collect();
        found.push(anomaly(
            AnomalyName::CommitBeforeWork,
            index,
            commit,
            messages,
            sentence,
        ));
    }
    found
}
