//! What the proxies saw of the messages that a verdict is about: for the report, the frames that
//! name the first of them, and for each what the checker finds in them.

use std::sync::Arc;
use std::time::Duration;

use history::{Anomaly, AnomalyName, Expect, History, Kind, Operation};
use wire::{Frame, Proxy};

use crate::case::State;
use crate::once::orders;
use crate::seen::{self, Run};
use crate::verdict::{Verdict, about, sum};
use crate::{Case, Finding, trail};

/// Adds to the report what these proxies saw, each with the time at which it began.
pub(crate) fn tell(case: &Case, wires: &[(Duration, Arc<Proxy>)]) {
    let (wrong, runs) = case.with(|state| (about(&state.findings), state.runs.clone()));
    let Some(order) = wrong else {
        return;
    };
    for (since, wire) in wires {
        let frames = frames(*since, wire);
        let anomalies = anomalies(*since, wire, &runs, &frames);
        let trail = trail::of(&frames, order);
        case.with(|state| {
            let short = |line: String| short(state, line);
            let lines: Vec<String> = trail.iter().map(|it| short(it.to_string())).collect();
            state.trail.extend(lines);
            explain(state, &anomalies);
        });
    }
}

/// The operations of the programs behind a proxy that began at this time, for the checker. What the
/// work on a message is, see [`crate::seen`].
pub(crate) fn history(expect: Expect, since: Duration, wire: &Proxy, runs: &[Run]) -> History {
    let mut history = History::new(expect);
    history.extend(operations(since, wire, runs, &frames(since, wire)));
    history
}

fn frames(since: Duration, wire: &Proxy) -> Vec<Frame> {
    let mut frames = wire.frames();
    frames.iter_mut().for_each(|frame| frame.at += since);
    frames
}

fn operations(since: Duration, wire: &Proxy, runs: &[Run], frames: &[Frame]) -> Vec<Operation> {
    let mut sessions = wire.sessions();
    for session in &mut sessions {
        session.opened += since;
        session.closed = session.closed.map(|closed| closed + since);
    }
    seen::operations(frames, &sessions, runs)
}

/// What is wrong with what they did. Where no work shows on the wire, nothing tells.
fn anomalies(since: Duration, wire: &Proxy, runs: &[Run], frames: &[Frame]) -> Vec<Anomaly> {
    let operations = operations(since, wire, runs, frames);
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
