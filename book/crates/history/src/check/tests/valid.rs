//! Histories in which nothing is wrong raise nothing.

use std::collections::BTreeMap;

use super::sim::{Promise, SHAPES};
use super::*;
use crate::{Kind, Outcome};

/// How many histories of each broker under each promise: 10,000 in all.
const EACH: u64 = 1667;

#[test]
fn ten_thousand_valid_histories_raise_nothing() {
    let mut reached: BTreeMap<String, usize> = BTreeMap::new();
    for (broker, run) in SHAPES.iter().enumerate() {
        for promise in [Promise::ExactlyOnce, Promise::AtLeastOnce] {
            for seed in 0..EACH {
                let history = run(seed, promise);
                let found = check(&history);
                assert!(
                    found.is_empty(),
                    "broker {broker}, {promise:?}, seed {seed}: {found:#?}\n{history:#?}"
                );
                for operation in history.operations() {
                    let name = format!("{:?} {:?}", operation.kind, operation.outcome);
                    *reached.entry(name).or_default() += 1;
                    if operation.redelivered {
                        *reached.entry("redelivered".into()).or_default() += 1;
                    }
                }
            }
        }
    }
    // What makes them hard is in them, and often.
    let of = |kind: Kind, outcome: Outcome| format!("{kind:?} {outcome:?}");
    for hard in [
        "redelivered".to_owned(),
        of(Kind::Publish, Outcome::Unknown),
        of(Kind::Publish, Outcome::Fail),
        of(Kind::Effect, Outcome::Unknown),
        of(Kind::Ack, Outcome::Unknown),
        of(Kind::Commit, Outcome::Unknown),
        of(Kind::Commit, Outcome::Fail),
        of(Kind::Nack, Outcome::Ok),
        of(Kind::Reject, Outcome::Ok),
        of(Kind::Assign, Outcome::Ok),
        of(Kind::CommitTransaction, Outcome::Ok),
        of(Kind::CommitTransaction, Outcome::Unknown),
        of(Kind::AbortTransaction, Outcome::Ok),
        of(Kind::Write, Outcome::Unknown),
    ] {
        let count = reached.get(&hard).copied().unwrap_or_default();
        assert!(count >= 500, "{hard}: {count}");
    }
}

#[test]
fn a_promise_that_is_not_kept_is_told_by_its_names() {
    let mut counts: BTreeMap<AnomalyName, usize> = BTreeMap::new();
    for run in SHAPES {
        for seed in 0..300 {
            let mut history = run(seed, Promise::AtLeastOnce);
            history.expect.allowed = [AnomalyName::AbortedRead].into();
            for anomaly in check(&history) {
                *counts.entry(anomaly.name).or_default() += 1;
            }
        }
    }
    let names: Vec<AnomalyName> = counts.keys().copied().collect();
    let promised = [
        AnomalyName::Duplicate,
        AnomalyName::DuplicateEffect,
        AnomalyName::Reordered,
    ];
    assert_eq!(names, promised, "{counts:?}");
    assert!(counts.values().all(|&count| count >= 100), "{counts:?}");
}
