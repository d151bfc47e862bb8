//! Corruptions of what the broker stored, and of what readers saw.

use super::*;

/// A publication is acknowledged, and its message is nowhere.
pub fn vanish(case: &mut Case) -> Option<Told> {
    let group = case.group()?;
    let like = case.find(|operation| {
        operation.kind == Kind::Receive && operation.group == group && operation.message > 0
    })?;
    let like = case.get(like).place?;
    let publish = Operation::publish("shop", 99).when(Duration::ZERO);
    let index = match like.position() {
        Some(_) => {
            let place = case.after_all(&like);
            case.push(publish.at(place))
        }
        None => case.push(publish),
    };
    let is_listed = case.any(|operation| {
        operation.kind == Kind::Listed
            && operation.place.as_ref().map(Place::log) == Some(like.log())
    });
    match is_listed {
        true => Told::only(AnomalyName::LostWrite, index),
        false => Told::only(AnomalyName::Unseen, index),
    }
}

/// A stored message never came to a group. If the broker still holds it, it is unseen.
pub fn erase(case: &mut Case) -> Option<Told> {
    let stored = case.a_stored(|_| true)?;
    let group = case.group()?;
    let message = stored.message;
    let home = stored
        .place
        .as_ref()
        .map_or(group.clone(), |place| place.log().to_owned());
    let drop_held = case.rng.bool();
    case.history.operations.retain(|operation| {
        let held = operation.kind == Kind::Held
            && operation
                .place
                .as_ref()
                .is_some_and(|place| place.log() == home);
        let consumed = operation.group == group && operation.kind != Kind::Publish;
        operation.message != message || !(consumed || (held && drop_held))
    });
    let index = case.first(|publish| publish.message == message && case.is_stored(publish))?;
    let is_there = |kind: Kind| {
        case.any(|operation| {
            operation.kind == kind
                && (kind == Kind::Listed || operation.message == message)
                && operation
                    .place
                    .as_ref()
                    .is_some_and(|place| place.log() == home)
        })
    };
    let by_anyone = case.any(|receive| receive.kind == Kind::Receive && receive.message == message);
    let position = stored.place.as_ref().and_then(Place::position);
    let read_on = case.any(|receive| {
        let there = receive.place.as_ref().and_then(Place::position);
        matches!(receive.place, Some(Place::Offset { .. }))
            && receive.kind == Kind::Receive
            && there
                .zip(position)
                .is_some_and(|(there, here)| there.0 == here.0 && there.1 > here.1)
    });
    let lost = match is_there(Kind::Listed) {
        true => !is_there(Kind::Held),
        false => read_on && !by_anyone,
    };
    match lost {
        true => Told::with(AnomalyName::LostWrite, index, &[AnomalyName::SkippedPoll]),
        false => Told::with(AnomalyName::Unseen, index, &[AnomalyName::SkippedPoll]),
    }
}

/// A retry is stored as a second message.
pub fn store_again(case: &mut Case) -> Option<Told> {
    let stored = case.a_stored(|publish| publish.place.is_some())?;
    let place = case.after_all(stored.place.as_ref()?);
    let again = Operation::publish("shop", stored.message).at(place);
    let again = again.when(case.end());
    let index = case.push(again);
    Told::only(AnomalyName::Duplicate, index)
}

/// A consumer gets a message a second time, from another position.
pub fn receive_copy(case: &mut Case) -> Option<Told> {
    let got = case.find(|operation| operation.kind == Kind::Receive)?;
    let got = case.get(got);
    let place = got.place.filter(|place| place.position().is_some())?;
    let copy = Operation::receive("worker 9", got.group, got.message);
    let copy = copy.at(case.after_all(&place)).when(case.end());
    let index = case.push(copy);
    Told::only(AnomalyName::Duplicate, index)
}

/// What a queue delivered again was a second copy.
pub fn come_as_new(case: &mut Case) -> Option<Told> {
    let index = case.find(|operation| {
        operation.redelivered && matches!(operation.place, Some(Place::Queue { .. }))
    })?;
    case.history.operations[index].redelivered = false;
    Told::only(AnomalyName::Duplicate, index)
}

/// A queue's record shows a message twice.
pub fn hold_copy(case: &mut Case) -> Option<Told> {
    let held = case.find(|operation| {
        operation.kind == Kind::Held && matches!(operation.place, Some(Place::Queue { .. }))
    })?;
    let copy = case.get(held).when(case.end());
    let index = case.push(copy);
    Told::only(AnomalyName::Duplicate, index)
}

/// Two messages of one key were stored in the other order, and all that comes after follows.
pub fn swap(case: &mut Case) -> Option<Told> {
    let (one, other) = two_of_a_key(case)?;
    let seen = [one.message, other.message].map(|message| {
        case.first(|operation| {
            operation.message == message && operation.kind != Kind::Publish && operation.is_ok()
        })
    });
    let seen = seen
        .into_iter()
        .flatten()
        .map(|index| case.get(index).moment())
        .min()?;
    if seen < other.invoke {
        return None;
    }
    let swapped = |message: u32| match message {
        _ if message == one.message => other.message,
        _ if message == other.message => one.message,
        _ => message,
    };
    for operation in &mut case.history.operations {
        if operation.kind != Kind::Publish {
            operation.message = swapped(operation.message);
        } else if operation.place == one.place {
            operation.place.clone_from(&other.place);
        } else if operation.place == other.place {
            operation.place.clone_from(&one.place);
        }
    }
    let index = case.first(|publish| {
        publish.kind == Kind::Publish && publish.message == one.message && publish.is_ok()
    })?;
    Told::only(AnomalyName::Reordered, index)
}

/// Two publications outside of transactions, in one partition and of one key, in their order.
fn two_of_a_key(case: &mut Case) -> Option<(Operation, Operation)> {
    let is_plain = |publish: &Operation| {
        publish.kind == Kind::Publish && publish.key.is_some() && publish.place.is_some() && {
            let mut all = case.operations().map(|(_, operation)| operation);
            all.all(|other| {
                other.kind != Kind::Publish
                    || other.message != publish.message
                    || (other.transaction.is_none() && other.is_ok())
            })
        }
    };
    let plain: Vec<Operation> = case
        .operations()
        .map(|(_, operation)| operation.clone())
        .filter(is_plain)
        .collect();
    let mut pairs = Vec::new();
    for one in &plain {
        for other in &plain {
            let position = |publish: &Operation| publish.place.as_ref().and_then(Place::position);
            let here = position(one).zip(position(other));
            if one.key == other.key
                && one.invoke < other.invoke
                && here.is_some_and(|(one, other)| one.0 == other.0 && one.1 < other.1)
            {
                pairs.push((one.clone(), other.clone()));
            }
        }
    }
    case.one(pairs)
}

/// A consumer gets a message that nobody has published.
pub fn come_from_nowhere(case: &mut Case) -> Option<Told> {
    let like = case.find(|operation| operation.kind == Kind::Receive)?;
    let like = case.get(like);
    let place = case.after_all(like.place.as_ref()?);
    let receive = Operation::receive("worker 9", like.group, 99).at(place);
    let receive = receive.when(case.end());
    let index = case.push(receive);
    Told::only(AnomalyName::Phantom, index)
}

fn first_seen(case: &Case, message: u32) -> Option<usize> {
    case.first(|operation| {
        operation.message == message
            && operation.is_ok()
            && matches!(operation.kind, Kind::Receive | Kind::Held | Kind::Effect)
    })
}

/// A message was refused by the broker, and is there.
pub fn fail_publication(case: &mut Case) -> Option<Told> {
    let message = case.a_stored(|_| true)?.message;
    let index = first_seen(case, message)?;
    for operation in &mut case.history.operations {
        if operation.kind == Kind::Publish && operation.message == message {
            operation.outcome = Outcome::Fail;
        }
    }
    Told::only(AnomalyName::Phantom, index)
}

/// A message was there before it was published.
pub fn publish_late(case: &mut Case) -> Option<Told> {
    let stored = case.a_stored(|publish| publish.transaction.is_none())?;
    let is_within = |operation: &Operation| {
        operation.kind == Kind::Publish
            && operation.message == stored.message
            && operation.transaction.is_some()
    };
    let index = first_seen(case, stored.message)?;
    if case.any(is_within) {
        return None;
    }
    let late = case.get(index).end + Duration::from_nanos(1);
    for operation in &mut case.history.operations {
        if operation.kind == Kind::Publish && operation.message == stored.message {
            (operation.invoke, operation.end) = (late, late);
            operation.key = None;
        }
    }
    Told::only(AnomalyName::Phantom, index)
}

/// A transaction of the shop that was committed, and the first that a consumer got of it.
fn committed(case: &mut Case) -> Option<(u32, usize)> {
    let stored = case.a_stored(|publish| publish.transaction.is_some())?;
    let transaction = stored.transaction?;
    let places: Vec<Option<Place>> = case
        .operations()
        .filter(|(_, publish)| publish.kind == Kind::Publish)
        .filter(|(_, publish)| publish.transaction == Some(transaction))
        .map(|(_, publish)| publish.place.clone())
        .collect();
    let got = case
        .first(|operation| operation.kind == Kind::Receive && places.contains(&operation.place))?;
    Some((transaction, got))
}

/// A transaction that consumers have read was aborted.
pub fn abort(case: &mut Case) -> Option<Told> {
    let (transaction, got) = committed(case)?;
    for operation in &mut case.history.operations {
        if operation.kind == Kind::CommitTransaction && operation.transaction == Some(transaction) {
            operation.kind = Kind::AbortTransaction;
            operation.outcome = Outcome::Ok;
        }
    }
    Told::only(AnomalyName::AbortedRead, got)
}

/// A transaction that consumers have read was committed only later.
pub fn commit_late(case: &mut Case) -> Option<Told> {
    let (transaction, got) = committed(case)?;
    let end = case.end();
    for operation in &mut case.history.operations {
        if operation.kind == Kind::CommitTransaction && operation.transaction == Some(transaction) {
            (operation.invoke, operation.end) = (end, end);
        }
    }
    Told::only(AnomalyName::AbortedRead, got)
}

/// A read gets the value before the one that was known.
pub fn read_stale(case: &mut Case) -> Option<Told> {
    let newest = |case: &Case, read: &Operation| {
        let known = case.operations().filter(|(_, write)| {
            write.kind == Kind::Write && write.is_ok() && write.end < read.invoke
        });
        let known = known.filter_map(|(_, write)| write.place.as_ref()?.position());
        known.map(|(_, sequence)| sequence).max()
    };
    let reads: Vec<(usize, u64)> = case
        .operations()
        .filter(|(_, read)| read.kind == Kind::Read)
        .filter_map(|(index, read)| Some((index, newest(case, read)?)))
        .collect();
    let (index, known) = case.one(reads)?;
    case.history.operations[index].place = Some(Place::sequence("KV_orders", known - 1));
    Told::only(AnomalyName::StaleRead, index)
}
