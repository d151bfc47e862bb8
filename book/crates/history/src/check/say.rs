//! The words that sentences are made of.

use std::time::Duration;

use crate::{Anomaly, AnomalyName, Operation, Place};

/// An anomaly that operation `index` shows.
pub fn anomaly(
    name: AnomalyName,
    index: usize,
    operation: &Operation,
    messages: Vec<u32>,
    sentence: String,
) -> Anomaly {
    Anomaly {
        name,
        messages,
        operation: index,
        process: operation.process.clone(),
        place: operation.place.clone(),
        at: operation.moment(),
        sentence,
    }
}

/// `1.204 s`
pub fn time(at: Duration) -> String {
    format!("{:.3} s", at.as_secs_f64())
}

/// ` (shop, 1.204 s)`
pub fn who(operation: &Operation) -> String {
    format!(" ({}, {})", operation.process, time(operation.moment()))
}

/// ` at offset 7 of orders/0 (shop, 1.204 s)`
pub fn whose(operation: &Operation) -> String {
    stands(operation.place.as_ref()) + &who(operation)
}

/// ` at offset 7 of orders/0`, ` with delivery tag 7 of payments`, ` in payments`, or nothing.
pub fn stands(place: Option<&Place>) -> String {
    match place {
        None => String::new(),
        Some(place @ (Place::Offset { .. } | Place::Sequence { .. })) => format!(" at {place}"),
        Some(place @ Place::Queue { tag: Some(_), .. }) => format!(" with {place}"),
        Some(place @ Place::Queue { tag: None, .. }) => format!(" in {place}"),
    }
}

/// ` at offset 7`, ` at sequence 7`, ` with delivery tag 7`, or nothing: in a log that is already named.
pub fn within(place: Option<&Place>) -> String {
    match place {
        None | Some(Place::Queue { tag: None, .. }) => String::new(),
        Some(place @ Place::Queue { tag: Some(_), .. }) => format!(" with {}", position(place)),
        Some(place) => format!(" at {}", position(place)),
    }
}

/// `offset 7`, `sequence 7`, `delivery tag 7`, or the queue's name: a place whose log is already named.
pub fn position(place: &Place) -> String {
    match place {
        Place::Offset { offset, .. } => format!("offset {offset}"),
        Place::Sequence { sequence, .. } => format!("sequence {sequence}"),
        Place::Queue { tag: Some(tag), .. } => format!("delivery tag {tag}"),
        Place::Queue { queue, tag: None } => queue.clone(),
    }
}
