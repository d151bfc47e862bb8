//! What the proxies saw: for the report, all of it in the order of time; of the messages that a
//! verdict is about, the frames that name the first of them, and what the checker finds in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use history::{Anomaly, AnomalyName, Expect, History, Kind};
use wire::{Frame, Proxy, Session};

use crate::case::{Moment, State};
use crate::once::orders;
use crate::seen::{self, Run};
use crate::verdict::{Verdict, about, sum};
use crate::{Case, Finding, trail};

/// Adds to the report what these proxies saw, each with the time at which it began.
pub(crate) fn tell(case: &Case, wires: &[(Duration, Arc<Proxy>)]) {
    let (wrong, runs) = case.with(|state| (about(&state.findings), state.runs.clone()));
    for (since, wire) in wires {
        let (frames, sessions) = (frames(*since, wire), sessions(*since, wire));
        case.with(|state| log(state, &frames, &sessions));
        let Some(order) = wrong else {
            continue;
        };
        let anomalies = anomalies(&sessions, &runs, &frames);
        case.with(|state| {
            let trail = trail::places(&frames, order).into_iter();
            let lines: Vec<String> = trail
                .map(|place| short(state, frames[place].to_string()))
                .collect();
            state.trail.extend(lines);
            explain(state, &anomalies);
        });
    }
}

/// Notes the frames about any order, each with the orders that it is about, and when connections
/// were opened and closed.
fn log(state: &mut State, frames: &[Frame], sessions: &[Session]) {
    let mut about: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    let orders: BTreeSet<u32> = frames.iter().flat_map(trail::named).collect();
    for order in orders {
        for place in trail::places(frames, order) {
            about.entry(place).or_default().push(order);
        }
    }
    for (place, orders) in about {
        let frame = &frames[place];
        let orders: Vec<String> = orders.iter().map(|order| format!("o-{order}")).collect();
        let text = format!("{}  {}", orders.join(", "), frame.words());
        let text = short(state, text);
        state.log.push(moment(frame.at, frame.connection, text));
    }
    for session in sessions {
        let opened = moment(session.opened, session.connection, "is opened");
        state.log.push(opened);
        if let Some(at) = session.closed {
            let closed = moment(at, session.connection, "ends");
            state.log.push(closed);
        }
    }
}

fn moment(at: Duration, connection: u32, text: impl Into<String>) -> Moment {
    Moment::new(at, format!("connection {connection}"), text)
}

/// The operations of the programs behind a proxy that began at this time, for the checker. What the
/// work on a message is, see [`crate::seen`].
pub(crate) fn history(expect: Expect, since: Duration, wire: &Proxy, runs: &[Run]) -> History {
    let (frames, sessions) = (frames(since, wire), sessions(since, wire));
    let mut history = History::new(expect);
    history.extend(seen::operations(&frames, &sessions, runs));
    history
}

fn frames(since: Duration, wire: &Proxy) -> Vec<Frame> {
    let mut frames = wire.frames();
    frames.iter_mut().for_each(|frame| frame.at += since);
    frames
}

fn sessions(since: Duration, wire: &Proxy) -> Vec<Session> {
    let mut sessions = wire.sessions();
    for session in &mut sessions {
        session.opened += since;
        session.closed = session.closed.map(|closed| closed + since);
    }
    sessions
}

/// What is wrong with what they did. Where no work shows on the wire, nothing tells.
fn anomalies(sessions: &[Session], runs: &[Run], frames: &[Frame]) -> Vec<Anomaly> {
    let operations = seen::operations(frames, sessions, runs);
    if !operations.iter().any(|it| it.kind() == Kind::Effect) {
        return Vec::new();
    }
    let mut history = History::new(Expect::exactly_once());
    history.extend(operations);
    history::check(&history)
}

/// What may be the cause of what this verdict names.
fn is_cause(verdict: &Verdict, anomaly: AnomalyName) -> bool {
    match verdict.name() {
        "lost-message" => {
            [AnomalyName::AckBeforeWork, AnomalyName::CommitBeforeWork].contains(&anomaly)
        }
        "duplicate" | "duplicate-effect" => anomaly == AnomalyName::DuplicateEffect,
        _ => false,
    }
}

/// Adds to each sentence of the verdict why it is so, where that is known.
fn explain(state: &mut State, anomalies: &[Anomaly]) {
    let (verdict, _) = sum(&state.findings);
    let causes: Vec<&Anomaly> = anomalies
        .iter()
        .filter(|it| is_cause(&verdict, it.name))
        .collect();
    for place in 0..state.findings.len() {
        let Finding { verdict: of, why } = &state.findings[place];
        let named = orders(why.as_bytes());
        let cause = causes
            .iter()
            .find(|it| it.messages.iter().any(|it| named.contains(it)));
        if let Some(cause) = cause.filter(|_| *of == verdict) {
            let cause = short(state, cause.sentence.clone());
            state.findings[place].why = format!("{why}: {cause}");
        }
    }
}

/// Without what the names on a shared broker begin with.
pub(crate) fn short(state: &State, line: String) -> String {
    let named = state.prefixes.iter().filter(|prefix| !prefix.is_empty());
    named.fold(line, |line, prefix| line.replace(prefix.as_str(), ""))
}
