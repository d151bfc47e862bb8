//! Each anomaly in a small history, with its sentence; and beside each, what is right.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

mod corrupt;
mod order;
mod reads;
mod sim;
mod stored;
mod valid;
mod work;

use super::*;
use crate::{AnomalyName, Place};

/// Milliseconds since the run's start.
fn ms(moment: u64) -> Duration {
    Duration::from_millis(moment)
}

fn history(expect: Expect, operations: impl IntoIterator<Item = Operation>) -> History {
    let mut history = History::new(expect);
    history.extend(operations);
    history
}

/// What is wrong, one line each: the name and the sentence.
fn found(expect: Expect, operations: impl IntoIterator<Item = Operation>) -> String {
    let lines = check(&history(expect, operations)).into_iter();
    let lines = lines.map(|anomaly| format!("{}: {anomaly}", anomaly.name));
    lines.collect::<Vec<_>>().join("\n")
}

fn strict() -> Expect {
    Expect::exactly_once()
}

fn orders(offset: u64) -> Place {
    Place::offset("orders", 0, offset)
}

/// A message of a Kafka topic, stored at its number's offset, 100 ms apart.
fn stored(message: u32) -> Operation {
    let at = ms(u64::from(message) * 100);
    Operation::publish("shop", message)
        .key("c-1")
        .at(orders(message.into()))
        .when(at)
}

fn got(process: &str, message: u32, at: u64) -> Operation {
    Operation::receive(process, "payments", message)
        .at(orders(message.into()))
        .when(ms(at))
}

fn did(process: &str, message: u32, at: u64) -> Operation {
    Operation::effect(process, "payments", message).when(ms(at))
}

/// A delivery from the queue payments.
fn delivered(process: &str, message: u32, tag: u64, at: u64) -> Operation {
    Operation::receive(process, "payments", message)
        .at(Place::tag("payments", tag))
        .when(ms(at))
}

fn acked(process: &str, message: u32, tag: u64, at: u64) -> Operation {
    Operation::ack(process, "payments", message)
        .at(Place::tag("payments", tag))
        .when(ms(at))
}

fn confirmed(message: u32, at: u64) -> Operation {
    Operation::publish("shop", message).when(ms(at))
}

#[test]
fn an_anomaly_says_where_in_the_history_it_is() {
    let again = Operation::publish("shop", 1).at(orders(5)).when(ms(300));
    let [anomaly] = &check(&history(strict(), [again, stored(1)]))[..] else {
        panic!("there is one anomaly");
    };
    assert_eq!(anomaly.name, AnomalyName::Duplicate);
    assert_eq!(anomaly.messages, [1]);
    assert_eq!(anomaly.operation, 0);
    assert_eq!(anomaly.process, "shop");
    assert_eq!(anomaly.place, Some(orders(5)));
    assert_eq!(anomaly.at, ms(300));
}

#[test]
fn what_is_allowed_is_not_told() {
    let run = [
        stored(1),
        got("worker 1", 1, 200),
        Operation::ack("worker 1", "payments", 1).when(ms(210)),
    ];
    assert!(found(Expect::at_least_once(), run.clone()).starts_with("ack-before-work"));
    assert_eq!(found(Expect::at_most_once(), run), "");
}

#[test]
fn names_are_the_fields_words() {
    let words: Vec<String> = AnomalyName::ALL
        .iter()
        .map(AnomalyName::to_string)
        .collect();
    insta::assert_snapshot!(words.join(" "), @"lost-write duplicate duplicate-effect reordered unseen phantom aborted-read nonmonotonic-poll skipped-poll stale-read commit-before-work ack-before-work unbounded-in-flight leaked-connection");
}
