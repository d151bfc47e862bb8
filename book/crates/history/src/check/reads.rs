//! What readers saw: nothing that was not published, not committed, or no longer so.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::facts::{Facts, position};
use super::say::{self, anomaly, stands, time, who};
use crate::operation::{Kind, Operation, Place};
use crate::{Anomaly, AnomalyName};

/// Messages that are there and that nobody has published.
pub fn phantoms(facts: &Facts) -> Vec<Anomaly> {
    let mut told = HashSet::new();
    let mut found = Vec::new();
    for (index, operation) in facts.all() {
        let verb = match operation.kind {
            Kind::Receive => "got",
            Kind::Held => "found",
            Kind::Effect => "did the work of",
            _ => continue,
        };
        if !operation.is_ok() {
            continue;
        }
        let message = operation.message;
        let Some(why) = unpublished(facts, operation) else {
            continue;
        };
        if told.insert(message) {
            let sentence = format!(
                "{} {verb} o-{message}{} at {}, {why}",
                operation.process,
                stands(operation.place.as_ref()),
                time(operation.moment()),
            );
            found.push(anomaly(
                AnomalyName::Phantom,
                index,
                operation,
                vec![message],
                sentence,
            ));
        }
    }
    found
}

/// Why a message that an operation saw cannot have been there, if it cannot.
fn unpublished(facts: &Facts, seen: &Operation) -> Option<String> {
    let publishes = || facts.publishes(seen.message).map(|(_, publish)| publish);
    let asked = publishes().filter(|publish| publish.may_be());
    match (
        asked.map(|publish| publish.invoke).min(),
        publishes().next(),
    ) {
        (Some(asked), _) => {
            (seen.end < asked).then(|| format!("before it was published at {}", time(asked)))
        }
        (None, Some(failed)) => Some(format!("and its publication has failed{}", who(failed))),
        (None, None) => Some("and nobody has published it".to_owned()),
    }
}

/// Messages that a consumer got though their transaction was not committed.
pub fn aborted_reads(facts: &Facts) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for (index, receive) in facts.ok(Kind::Receive) {
        let publishes: Vec<&Operation> = facts
            .publishes(receive.message)
            .map(|(_, publish)| publish)
            .filter(|publish| publish.may_be())
            .collect();
        // Several publications of one message are told apart by their places.
        let same_place = |publish: &&&Operation| publish.place == receive.place;
        let placed: Vec<&Operation> = publishes.iter().filter(same_place).copied().collect();
        let candidates = match receive.place.as_ref().and_then(position) {
            Some(_) if !placed.is_empty() => placed,
            _ => publishes,
        };
        let visible = candidates.iter().any(|publish| {
            publish.transaction.is_none_or(|transaction| {
                let asked = facts.commit_asked(transaction);
                asked.is_some_and(|asked| asked <= receive.end)
            })
        });
        let Some(transaction) = candidates.iter().find_map(|publish| publish.transaction) else {
            continue;
        };
        if visible {
            continue;
        }
        let why = match (facts.aborted(transaction), facts.commit_asked(transaction)) {
            (Some(aborted), _) => format!("was aborted{}", who(aborted)),
            (None, Some(asked)) => format!("was to be committed only at {}", time(asked)),
            (None, None) => "was never committed".to_owned(),
        };
        let sentence = format!(
            "{} got o-{}{} at {}, and its transaction {transaction} {why}",
            receive.process,
            receive.message,
            stands(receive.place.as_ref()),
            time(receive.moment()),
        );
        found.push(anomaly(
            AnomalyName::AbortedRead,
            index,
            receive,
            vec![receive.message],
            sentence,
        ));
    }
    found
}

/// When a value was known, its position, and the operation that tells it.
type Known<'a> = (Duration, u64, &'a Operation);

/// Reads that got an older value of a key than one that was acknowledged, or read, before they
/// began.
pub fn stale_reads(facts: &Facts) -> Vec<Anomaly> {
    // What was known of each key, in the order in which it became known.
    let mut known: HashMap<(&str, &str), Vec<Known>> = HashMap::new();
    let mut reads = Vec::new();
    for (index, operation) in facts.all() {
        let is_write = operation.kind == Kind::Write && operation.is_ok();
        let is_read = operation.kind == Kind::Read && operation.is_ok();
        let (Some(key), Some(place)) = (&operation.key, &operation.place) else {
            continue;
        };
        let Some((log, at)) = position(place).filter(|_| is_write || is_read) else {
            continue;
        };
        let known = known.entry((log.0, key)).or_default();
        known.push((operation.end, at, operation));
        if is_read {
            reads.push((index, operation, (log.0, key.as_str()), at));
        }
    }
    let mut found = Vec::new();
    for (index, read, key, at) in reads {
        let newest = known
            .get(&key)
            .into_iter()
            .flatten()
            .filter(|(there, _, _)| *there < read.invoke)
            .max_by_key(|(_, newer, _)| *newer);
        let Some((_, _, newer)) = newest.filter(|(_, newer, _)| *newer > at) else {
            continue;
        };
        let got = match at {
            0 => "nothing".to_owned(),
            _ => read.place.as_ref().map(say::position).unwrap_or_default(),
        };
        let sentence = format!(
            "{} read {} and got {got} at {}, though {}{} was known before",
            read.process,
            key.1,
            time(read.moment()),
            newer
                .place
                .as_ref()
                .map(Place::to_string)
                .unwrap_or_default(),
            who(newer),
        );
        found.push(anomaly(
            AnomalyName::StaleRead,
            index,
            read,
            Vec::new(),
            sentence,
        ));
    }
    found
}
