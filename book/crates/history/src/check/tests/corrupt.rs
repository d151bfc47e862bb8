//! Every corruption of a valid history is caught, and named with its operation.

mod consumers;
mod stored;

use super::sim::{Promise, SHAPES};
use super::*;
use crate::{Kind, Outcome};

/// A valid history that is being corrupted.
struct Case {
    history: History,
    rng: fastrand::Rng,
}

/// What the checker must say of a corrupted history.
struct Told {
    name: AnomalyName,
    /// The index of the operation that shows it.
    index: usize,
    /// The message that it is about, where that is not the operation's own.
    about: Option<u32>,
    /// What else must follow from the corruption, or may.
    also: &'static [AnomalyName],
}

impl Told {
    fn only(name: AnomalyName, index: usize) -> Option<Told> {
        Told::with(name, index, &[])
    }

    fn about(name: AnomalyName, index: usize, message: u32) -> Option<Told> {
        let told = Told::only(name, index)?;
        let about = Some(message);
        Some(Told { about, ..told })
    }

    fn with(name: AnomalyName, index: usize, also: &'static [AnomalyName]) -> Option<Told> {
        Some(Told {
            name,
            index,
            about: None,
            also,
        })
    }
}

/// Corrupts a history, if it has a place for this corruption.
type Corruption = fn(&mut Case) -> Option<Told>;

const ALL: [(&str, Corruption); 25] = [
    ("a confirmed message is nowhere", stored::vanish),
    ("a message never came to a group", stored::erase),
    ("a message is stored again", stored::store_again),
    ("a second copy is received", stored::receive_copy),
    ("a copy comes as new", stored::come_as_new),
    ("a queue holds a copy", stored::hold_copy),
    ("two messages change places in a log", stored::swap),
    ("a message comes from nowhere", stored::come_from_nowhere),
    ("a publication had failed", stored::fail_publication),
    (
        "a message comes before its publication",
        stored::publish_late,
    ),
    ("a transaction is aborted", stored::abort),
    ("a transaction is committed late", stored::commit_late),
    ("a read is stale", stored::read_stale),
    ("work is done again", consumers::work_again),
    ("work changes places", consumers::swap_work),
    ("a poll is repeated", consumers::poll_again),
    ("a poll goes back", consumers::go_back),
    ("a poll passes over a message", consumers::pass_over),
    ("work comes after its commit", consumers::work_after_commit),
    (
        "work comes after its acknowledgement",
        consumers::work_after_ack,
    ),
    ("a delivery is acknowledged at once", consumers::ack_at_once),
    ("a consumer gets more than the bound", consumers::get_more),
    ("a consumer settles nothing", consumers::settle_nothing),
    ("a connection is not closed", consumers::leave_open),
    ("a connection more is opened", consumers::open_more),
];

#[test]
fn every_corruption_is_caught_and_named() {
    for (number, (what, corrupt)) in ALL.into_iter().enumerate() {
        let mut caught = 0;
        for (broker, run) in SHAPES.iter().enumerate() {
            for seed in 0..400 {
                let mut case = Case {
                    history: run(seed, Promise::ExactlyOnce),
                    rng: fastrand::Rng::with_seed(seed ^ (number as u64) << 32),
                };
                if let Some(told) = corrupt(&mut case) {
                    let which = format!("{what}: broker {broker}, seed {seed}");
                    caught += 1;
                    catch(&which, &case.history, &told);
                }
            }
        }
        println!("{what}: {caught} corrupted histories");
        assert!(
            caught >= 100,
            "{what}: only {caught} histories have a place for it"
        );
    }
}

#[test]
fn every_name_has_a_corruption() {
    let mut missing = AnomalyName::ALL.to_vec();
    for (_, corrupt) in ALL {
        for run in SHAPES {
            for seed in 0..100 {
                let history = run(seed, Promise::ExactlyOnce);
                let rng = fastrand::Rng::with_seed(seed);
                if let Some(told) = corrupt(&mut Case { history, rng }) {
                    missing.retain(|name| *name != told.name);
                }
            }
        }
    }
    assert_eq!(missing, []);
}

/// The checker says this of the history, at this operation, and nothing that does not follow.
fn catch(which: &str, history: &History, told: &Told) {
    let found = check(history);
    let operation = &history.operations[told.index];
    let of_name = found.iter().filter(|anomaly| anomaly.name == told.name);
    let Some(anomaly) = of_name.clone().find(|found| found.operation == told.index) else {
        panic!(
            "{which}: no {} at {operation:#?}\n{found:#?}\n{history:#?}",
            told.name
        );
    };
    assert_eq!(anomaly.process, operation.process, "{which}");
    assert_eq!(anomaly.at, operation.moment(), "{which}");
    if operation.kind != Kind::Publish {
        assert_eq!(anomaly.place, operation.place, "{which}");
    }
    let about = told.about.unwrap_or(operation.message);
    if about > 0 {
        assert_eq!(anomaly.messages[0], about, "{which}");
        let number = format!("o-{about}");
        assert!(anomaly.sentence.contains(&number), "{which}: {anomaly}");
    }
    let time = format!("{:.3} s", operation.moment().as_secs_f64());
    assert!(anomaly.sentence.contains(&time), "{which}: {anomaly}");
    assert!(
        anomaly.sentence.contains(&operation.process),
        "{which}: {anomaly}"
    );
    // Who reads a value that is not there yet gets nothing, and it has no place.
    if operation.kind != Kind::Read
        && let Some(place) = &operation.place
    {
        let place = say::position(place);
        assert!(anomaly.sentence.contains(&place), "{which}: {anomaly}");
    }
    let is_told = |name: &AnomalyName| *name == told.name || told.also.contains(name);
    let others: Vec<&Anomaly> = found.iter().filter(|found| !is_told(&found.name)).collect();
    assert!(others.is_empty(), "{which}: {others:#?}\n{history:#?}");
    if told.also.is_empty() && matches!(told.name, AnomalyName::Duplicate | AnomalyName::Phantom) {
        assert_eq!(of_name.count(), 1, "{which}: {found:#?}");
    }
}

impl Case {
    fn operations(&self) -> impl Iterator<Item = (usize, &Operation)> {
        self.history.operations.iter().enumerate()
    }

    /// One of these at random.
    fn one<T>(&mut self, mut among: Vec<T>) -> Option<T> {
        let count = among.len();
        (count > 0).then(|| among.swap_remove(self.rng.usize(..count)))
    }

    /// An operation for which this holds, at random.
    fn find(&mut self, is: impl Fn(&Operation) -> bool) -> Option<usize> {
        let among = self.operations().filter(|(_, operation)| is(operation));
        let among = among.map(|(index, _)| index).collect();
        self.one(among)
    }

    /// The first in time for which this holds.
    fn first(&self, is: impl Fn(&Operation) -> bool) -> Option<usize> {
        let among = self.operations().filter(|(_, operation)| is(operation));
        among
            .min_by_key(|(index, operation)| (operation.moment(), *index))
            .map(|(index, _)| index)
    }

    fn any(&self, is: impl Fn(&Operation) -> bool) -> bool {
        self.first(is).is_some()
    }

    fn get(&self, index: usize) -> Operation {
        self.history.operations[index].clone()
    }

    fn push(&mut self, operation: Operation) -> usize {
        self.history.operations.push(operation);
        self.history.operations.len() - 1
    }

    /// A moment after everything.
    fn end(&self) -> Duration {
        let ends = self.operations().map(|(_, operation)| operation.end);
        ends.max().unwrap_or_default() + ms(1)
    }

    /// A place after all messages of a log, in one of its partitions.
    fn after_all(&self, like: &Place) -> Place {
        let places = self
            .operations()
            .filter_map(|(_, operation)| operation.place.as_ref());
        let of_log = places.filter(|place| place.log() == like.log());
        let positions = of_log.filter_map(Place::position);
        match (like.position(), like) {
            (None, _) => Place::queue(like.log()),
            (Some((partition, _)), Place::Offset { topic, .. }) => {
                let here = positions.filter(|(other, _)| *other == partition);
                let last = here.map(|(_, at)| at).max().unwrap_or_default();
                Place::offset(topic, partition, last + 1)
            }
            _ => {
                let last = positions.map(|(_, at)| at).max().unwrap_or_default();
                Place::sequence(like.log(), last + 1)
            }
        }
    }

    /// Whether a publication is certainly stored.
    fn is_stored(&self, publish: &Operation) -> bool {
        publish.kind == Kind::Publish
            && publish.outcome == Outcome::Ok
            && publish.transaction.is_none_or(|transaction| {
                self.any(|operation| {
                    operation.kind == Kind::CommitTransaction
                        && operation.transaction == Some(transaction)
                        && operation.outcome == Outcome::Ok
                })
            })
    }

    /// A publication that is certainly stored, and for which this holds.
    fn a_stored(&mut self, is: impl Fn(&Operation) -> bool) -> Option<Operation> {
        let stored = self
            .operations()
            .filter(|(_, publish)| is(publish) && self.is_stored(publish));
        let among: Vec<usize> = stored.map(|(index, _)| index).collect();
        let index = self.one(among)?;
        Some(self.get(index))
    }

    fn group(&mut self) -> Option<String> {
        let groups = self.history.expect.groups.clone();
        self.one(groups)
    }

    fn without_keys(&mut self) {
        for operation in &mut self.history.operations {
            if operation.kind == Kind::Publish {
                operation.key = None;
            }
        }
    }

    fn without_bounds(&mut self) {
        self.history.expect.in_flight = None;
        self.history.expect.connections = None;
    }
}
