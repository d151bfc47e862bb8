//! Corruptions of what consumers did, and of what they held.

use super::*;

/// A worker does what was done.
pub fn work_again(case: &mut Case) -> Option<Told> {
    let done = case.find(|effect| {
        effect.kind == Kind::Effect && effect.is_ok() && effect.transaction.is_none()
    })?;
    let done = case.get(done);
    let again = Operation::effect("worker 9", done.group, done.message).when(case.end());
    let index = case.push(again);
    Told::only(AnomalyName::DuplicateEffect, index)
}

/// An effect outside of transactions that is the only one of its message in its group; the message
/// was not refused either.
fn only_effects(case: &Case) -> Vec<usize> {
    let is_of = |one: &Operation, other: &Operation| {
        one.message == other.message
            && one.group == other.group
            && (other.kind == Kind::Reject || (other.kind == Kind::Effect && other.is_ok()))
    };
    case.operations()
        .filter(|(_, effect)| {
            effect.kind == Kind::Effect
                && effect.is_ok()
                && effect.transaction.is_none()
                && case
                    .operations()
                    .filter(|(_, other)| is_of(effect, other))
                    .count()
                    == 1
        })
        .map(|(index, _)| index)
        .collect()
}

/// The work of two messages of one key was done in the other order.
pub fn swap_work(case: &mut Case) -> Option<Told> {
    let effects = only_effects(case);
    let sent = |message: u32| {
        let first = case.first(|publish| {
            publish.kind == Kind::Publish && publish.message == message && publish.may_be()
        });
        let publish = case.get(first?);
        publish.key.map(|key| (key, publish.invoke))
    };
    let mut pairs = Vec::new();
    for &one in &effects {
        for &other in &effects {
            let (before, after) = (case.get(one), case.get(other));
            let keys = sent(before.message).zip(sent(after.message));
            let is_certain = [&before, &after].iter().all(|effect| {
                case.operations().all(|(_, publish)| {
                    publish.kind != Kind::Publish
                        || publish.message != effect.message
                        || (publish.is_ok() && publish.transaction.is_none())
                })
            });
            if before.group == after.group
                && before.end < after.invoke
                && is_certain
                && keys.is_some_and(|(one, other)| {
                    one.0 == other.0 && one.1 < other.1 && other.1 <= before.end
                })
            {
                pairs.push((one, other));
            }
        }
    }
    let (one, other) = case.one(pairs)?;
    let (before, after) = (case.get(one), case.get(other));
    case.history.operations[one] = before.clone().during(after.invoke, after.end);
    case.history.operations[other] = after.during(before.invoke, before.end);
    let also = &[AnomalyName::AckBeforeWork, AnomalyName::CommitBeforeWork];
    Told::with(AnomalyName::Reordered, one, also)
}

/// What tells the reader of a partition.
fn is_of_reader(one: &Operation, other: &Operation) -> bool {
    let partition = |operation: &Operation| {
        let position = operation.place.as_ref().and_then(Place::position);
        position.map(|(partition, _)| partition)
    };
    matches!(other.place, Some(Place::Offset { .. }))
        && one.process == other.process
        && one.group == other.group
        && partition(one) == partition(other)
}

/// What a reader did with its partition, in the order of time: assignments and receipts.
fn session(case: &Case, reader: &Operation) -> Vec<usize> {
    let mut session: Vec<usize> = case
        .operations()
        .filter(|(_, operation)| matches!(operation.kind, Kind::Assign | Kind::Receive))
        .filter(|(_, operation)| is_of_reader(reader, operation))
        .map(|(index, _)| index)
        .collect();
    session.sort_by_key(|&index| (case.history.operations[index].moment(), index));
    session
}

fn a_reader(case: &mut Case) -> Option<Vec<usize>> {
    let reader = case.find(|operation| {
        operation.kind == Kind::Receive && matches!(operation.place, Some(Place::Offset { .. }))
    })?;
    let reader = case.get(reader);
    Some(session(case, &reader))
}

/// A consumer polls a second time what it has.
pub fn poll_again(case: &mut Case) -> Option<Told> {
    let session = a_reader(case)?;
    let last = case.get(*session.last()?);
    if last.kind == Kind::Assign {
        return None;
    }
    case.without_bounds();
    let again = last.when(case.end());
    let index = case.push(again);
    Told::only(AnomalyName::NonmonotonicPoll, index)
}

/// A consumer goes back though its partition was not assigned anew.
pub fn go_back(case: &mut Case) -> Option<Told> {
    let session = a_reader(case)?;
    let at = |index: usize| case.get(index).place.and_then(|place| place.position());
    let back: Vec<(usize, usize)> = session
        .windows(3)
        .filter(|window| {
            let kinds = [0, 1, 2].map(|nth| case.get(window[nth]).kind);
            kinds == [Kind::Receive, Kind::Assign, Kind::Receive] && at(window[2]) <= at(window[0])
        })
        .map(|window| (window[1], window[2]))
        .collect();
    let (assign, receive) = case.one(back)?;
    case.without_bounds();
    case.history.operations.remove(assign);
    let index = if assign < receive {
        receive - 1
    } else {
        receive
    };
    Told::only(AnomalyName::NonmonotonicPoll, index)
}

/// A consumer passes over a message that is there.
pub fn pass_over(case: &mut Case) -> Option<Told> {
    let session = a_reader(case)?;
    let is_certain = |index: usize| {
        let receive = case.get(index);
        case.any(|publish| case.is_stored(publish) && publish.place == receive.place)
    };
    let passed: Vec<(usize, usize)> = session
        .windows(3)
        .filter(|window| {
            case.get(window[1]).kind == Kind::Receive
                && case.get(window[2]).kind == Kind::Receive
                && is_certain(window[1])
        })
        .map(|window| (window[1], window[2]))
        .collect();
    let (passed, next) = case.one(passed)?;
    case.history.expect.groups.clear();
    let passed_over = case.history.operations.remove(passed);
    let index = if passed < next { next - 1 } else { next };
    Told::about(AnomalyName::SkippedPoll, index, passed_over.message)
}

/// Takes away the only work of a message, or lets it come at the end of the run.
fn postpone(case: &mut Case, effect: usize) {
    case.without_keys();
    let end = case.end();
    let effect = &mut case.history.operations[effect];
    match case.rng.bool() {
        true => (effect.invoke, effect.end) = (end, end),
        false => effect.outcome = Outcome::Fail,
    }
}

/// A position is committed past a message before its work.
pub fn work_after_commit(case: &mut Case) -> Option<Told> {
    let effects = only_effects(case);
    let effect = case.one(effects)?;
    let done = case.get(effect);
    let got = case.first(|receive| {
        receive.kind == Kind::Receive
            && receive.group == done.group
            && receive.message == done.message
            && matches!(receive.place, Some(Place::Offset { .. }))
    })?;
    let got = case.get(got);
    let (partition, at) = got.place.as_ref()?.position()?;
    let index = case.first(|commit| {
        let next = commit.place.as_ref().and_then(Place::position);
        let is_aborted = commit.transaction.is_some_and(|transaction| {
            case.any(|abort| {
                abort.kind == Kind::AbortTransaction && abort.transaction == Some(transaction)
            })
        });
        commit.kind == Kind::Commit
            && commit.may_be()
            && !is_aborted
            && commit.group == done.group
            && commit.invoke >= got.end
            && next.is_some_and(|next| next.0 == partition && next.1 > at)
    })?;
    postpone(case, effect);
    Told::about(AnomalyName::CommitBeforeWork, index, got.message)
}

/// A message is acknowledged before its work.
pub fn work_after_ack(case: &mut Case) -> Option<Told> {
    let effects = only_effects(case);
    let effect = case.one(effects)?;
    let done = case.get(effect);
    let index = case.first(|ack| {
        ack.kind == Kind::Ack && ack.group == done.group && ack.message == done.message
    })?;
    postpone(case, effect);
    Told::only(AnomalyName::AckBeforeWork, index)
}

/// A message is acknowledged when it is delivered.
pub fn ack_at_once(case: &mut Case) -> Option<Told> {
    let got = case.find(|receive| {
        let is_offset = matches!(receive.place, Some(Place::Offset { .. }));
        receive.kind == Kind::Receive && !receive.redelivered && !is_offset
    })?;
    let got = case.get(got);
    let handled_before = case.any(|other| {
        matches!(other.kind, Kind::Effect | Kind::Reject)
            && other.group == got.group
            && other.message == got.message
            && other.end <= got.end
    });
    if handled_before {
        return None;
    }
    case.without_bounds();
    let ack = Operation::ack(got.process, got.group, got.message);
    let ack = ack.at(got.place?).when(got.end);
    let index = case.push(ack);
    Told::only(AnomalyName::AckBeforeWork, index)
}

/// A consumer gets a message more than it may hold.
pub fn get_more(case: &mut Case) -> Option<Told> {
    let bound = case.history.expect.in_flight?;
    let like = case.find(|receive| receive.kind == Kind::Receive)?;
    let like = case.get(like);
    let more: Vec<Operation> = match like.place {
        // The consecutive messages of a partition.
        Some(Place::Offset { .. }) => {
            let (partition, _) = like.place.as_ref()?.position()?;
            let mut all: Vec<Operation> = case
                .operations()
                .map(|(_, receive)| receive.clone())
                .filter(|receive| receive.kind == Kind::Receive && receive.group == like.group)
                .filter(|receive| {
                    let position = receive.place.as_ref().and_then(Place::position);
                    position.is_some_and(|(other, _)| other == partition)
                })
                .collect();
            all.sort_by(|one, other| one.place.cmp(&other.place));
            all.dedup_by(|one, other| one.place == other.place);
            all
        }
        // Messages that its group has got: each again, since one that comes twice is held once.
        _ => {
            let mut all: Vec<Operation> = case
                .operations()
                .map(|(_, receive)| receive.clone().redelivered())
                .filter(|receive| receive.kind == Kind::Receive && receive.group == like.group)
                .collect();
            all.sort_by_key(|receive| receive.message);
            all.dedup_by_key(|receive| receive.message);
            all
        }
    };
    if more.len() <= bound {
        return None;
    }
    let mut index = 0;
    for receive in more.into_iter().take(bound + 1) {
        let receive = Operation {
            process: "worker 9".into(),
            ..receive.when(case.end())
        };
        index = case.push(receive);
    }
    Told::only(AnomalyName::UnboundedInFlight, index)
}

/// A consumer settles nothing of what it gets.
pub fn settle_nothing(case: &mut Case) -> Option<Told> {
    let bound = case.history.expect.in_flight?;
    let settles =
        |operation: &Operation| matches!(operation.kind, Kind::Ack | Kind::Nack | Kind::Reject);
    let consumer = case.find(|operation| operation.kind == Kind::Ack)?;
    let Operation { process, group, .. } = case.get(consumer);
    case.history
        .operations
        .retain(|operation| operation.process != process || !settles(operation));
    let mut all: Vec<(usize, &Operation)> = case.operations().collect();
    all.sort_by_key(|(index, operation)| (operation.moment(), *index));
    let mut held = Vec::new();
    let above = all.into_iter().find(|(_, operation)| {
        let is_own = operation.process == process;
        let is_receive = operation.kind == Kind::Receive && operation.group == group;
        if is_receive && operation.redelivered {
            // The broker has taken it back, and gives it again, to this one or to another.
            held.retain(|message| *message != operation.message);
        }
        match operation.kind {
            Kind::Receive if is_own => held.push(operation.message),
            Kind::Close if is_own => held.clear(),
            _ => {}
        }
        is_own && held.len() > bound
    });
    let (index, _) = above?;
    // A refusal that is gone leaves a message that comes as new, or one that nobody settled or
    // worked on.
    let also = &[
        AnomalyName::Duplicate,
        AnomalyName::LostWrite,
        AnomalyName::AckBeforeWork,
    ];
    Told::with(AnomalyName::UnboundedInFlight, index, also)
}

/// A connection is opened and not closed.
pub fn leave_open(case: &mut Case) -> Option<Told> {
    let close = case.find(|operation| operation.kind == Kind::Close)?;
    let connection = case.get(close).connection;
    case.without_bounds();
    case.history.operations.remove(close);
    let index = case.first(|open| open.kind == Kind::Open && open.connection == connection)?;
    Told::only(AnomalyName::LeakedConnection, index)
}

/// A process opens a connection beside the one that it has.
pub fn open_more(case: &mut Case) -> Option<Told> {
    let open = case.find(|operation| operation.kind == Kind::Open)?;
    let open = case.get(open);
    let moment = open.invoke + Duration::from_nanos(1);
    let more = Operation::open(&open.process, 999).when(moment);
    let close = Operation::close(&open.process, 999).when(moment + Duration::from_nanos(1));
    let index = case.push(more);
    case.push(close);
    case.history.expect.in_flight = None;
    Told::only(AnomalyName::LeakedConnection, index)
}
