//! Kafka's records, commits and transactions. A client uses several connections, so that a program
//! is known by who ran when. Messages are told by their key, or else by their value.
//!
//! An answer to Fetch is of whole batches: it may begin below the offset that was asked for, and have
//! records of transactions that were aborted. A client drops both, and here its program got them.

use std::collections::{BTreeMap, BTreeSet};

use history::{Operation, Place};
use wire::Frame;
use wire::kafka::{
    self, ApiKey, END_TXN, FETCHED, Fields, JOIN_GROUP, OFFSET_COMMIT, PRODUCE, Partition, Record,
    TXN_OFFSET_COMMIT,
};

use super::{Answer, Says, Seen, orders};

/// What the code of an error says.
fn says(error: i16) -> Says {
    match error {
        0 => Says::Yes,
        // Nobody knows why it failed; it has not reached all replicas in time; or it has reached too few
        // of them, and the leader has it.
        -1 | 7 | 20 => Says::Open,
        _ => Says::No,
    }
}

pub(super) fn read(seen: &mut Seen, frames: &[Frame]) {
    let answers = Answers::of(frames);
    let group = group(frames);
    // A frame keeps a part of its records, and of a compressed batch none. Where results are not all
    // on record, nobody can say that one is missing.
    let produced = frames.iter().filter(|frame| frame.kind == PRODUCE);
    let mut produced = produced
        .filter_map(Frame::kafka)
        .flat_map(|fields| &fields.partitions);
    let is_whole = produced.all(|it| it.kept.len() >= it.records as usize);
    let mut transactions = Transactions::default();
    for frame in frames {
        let Some(fields) = frame.kafka() else {
            continue;
        };
        match frame.kind {
            // What is fetched without a group is nobody's to settle.
            FETCHED => {
                for (place, message) in fields.partitions.iter().flat_map(fetched) {
                    if let Some(group) = &group {
                        seen.gets(frame, group, message, place, false);
                    }
                }
            }
            PRODUCE => {
                let transaction = transactions.of(fields);
                for partition in &fields.partitions {
                    let answer = answers.to_records(frame, fields, partition);
                    for (nth, record) in partition.kept.iter().enumerate() {
                        let answer = answer.clone().map(|answer| answer.nth(nth));
                        for message in named(record) {
                            seen.publishes(frame, message, answer.as_ref(), transaction);
                        }
                    }
                }
            }
            OFFSET_COMMIT | TXN_OFFSET_COMMIT if is_whole => {
                let transaction = transactions.of(fields);
                for operation in commits(seen, frame, fields, &answers) {
                    seen.operations.push(match transaction {
                        Some(number) => operation.within(number),
                        None => operation,
                    });
                }
            }
            END_TXN => {
                if let Some(number) = transactions.ends(fields) {
                    let process = seen.process(frame);
                    let end = match fields.committed {
                        Some(true) => Operation::commit_transaction(process, number),
                        _ => Operation::abort_transaction(process, number),
                    };
                    let ended = answers.to(frame, fields);
                    seen.operations.push(outcome(end, frame, ended));
                }
            }
            _ => {}
        }
    }
}

/// The one group of the clients; of several, nobody can tell whose a record is.
fn group(frames: &[Frame]) -> Option<String> {
    let asks = [
        JOIN_GROUP,
        OFFSET_COMMIT,
        TXN_OFFSET_COMMIT,
        kafka::request(ApiKey::ConsumerGroupHeartbeat),
    ];
    let asking = frames.iter().filter(|frame| asks.contains(&frame.kind));
    let groups: BTreeSet<&String> = asking
        .filter_map(|frame| frame.kafka()?.group.as_ref())
        .collect();
    match groups.len() {
        1 => groups.first().map(|group| (*group).clone()),
        _ => None,
    }
}

fn fetched(partition: &Partition) -> impl Iterator<Item = (Place, u32)> {
    partition.kept.iter().flat_map(|record| {
        let messages = named(record);
        messages
            .into_iter()
            .filter_map(|message| Some((place(partition, record.offset)?, message)))
    })
}

fn place(partition: &Partition, offset: i64) -> Option<Place> {
    let number = u32::try_from(partition.partition).ok()?;
    let offset = u64::try_from(offset).ok()?;
    Some(Place::offset(&partition.topic, number, offset))
}

/// The messages that a record is about.
fn named(record: &Record) -> Vec<u32> {
    let by_key = record.key.as_ref().map(|key| orders(key));
    match by_key.filter(|messages| !messages.is_empty()) {
        Some(messages) => messages,
        None => record
            .value
            .as_ref()
            .map(|it| orders(it))
            .unwrap_or_default(),
    }
}

fn commits(seen: &Seen, frame: &Frame, fields: &Fields, answers: &Answers) -> Vec<Operation> {
    let (process, group) = (
        seen.process(frame),
        fields.group.clone().unwrap_or_default(),
    );
    let partitions = fields.partitions.iter();
    let next = partitions.filter_map(|partition| place(partition, partition.offset?));
    next.map(|next| {
        let commit = Operation::commit(&process, &group, next);
        outcome(commit, frame, answers.to(frame, fields))
    })
    .collect()
}

fn outcome(operation: Operation, frame: &Frame, answer: Option<&(Frame, Says)>) -> Operation {
    match answer {
        None => operation.during(frame.at, frame.at).unknown(),
        Some((answer, says)) => {
            let operation = operation.during(frame.at, answer.at);
            match says {
                Says::Yes => operation,
                Says::No => operation.failed(),
                Says::Open => operation.unknown(),
            }
        }
    }
}

/// The answers, by their connection and number, and what each says in all.
struct Answers(BTreeMap<(u32, i32), (Frame, Says)>);

impl Answers {
    fn of(frames: &[Frame]) -> Answers {
        let answers = frames
            .iter()
            .filter(|frame| frame.way == wire::Way::ToClient);
        let answers = answers.filter_map(|frame| {
            let fields = frame.kafka()?;
            let partitions = fields.partitions.iter().map(|it| says(it.error));
            let said = partitions.fold(says(fields.error), Says::max);
            let number = (frame.connection, fields.correlation);
            Some((number, (frame.clone(), said)))
        });
        Answers(answers.collect())
    }

    fn to(&self, frame: &Frame, fields: &Fields) -> Option<&(Frame, Says)> {
        self.0.get(&(frame.connection, fields.correlation))
    }

    /// What a broker has said to the records for a partition.
    fn to_records(&self, frame: &Frame, fields: &Fields, partition: &Partition) -> Option<Answer> {
        let (answer, _) = self.to(frame, fields)?;
        let said = answer.kafka()?.partitions.iter().find(|said| {
            (&said.topic, said.partition) == (&partition.topic, partition.partition)
        })?;
        Some(Answer {
            at: answer.at,
            says: says(said.error),
            place: said.offset.and_then(|offset| place(partition, offset)),
        })
    }
}

impl Answer {
    /// The same for the record that is so many after the first one.
    fn nth(mut self, nth: usize) -> Answer {
        if let Some(Place::Offset { offset, .. }) = &mut self.place {
            *offset += nth as u64;
        }
        self
    }
}

/// Transactions, numbered through all clients.
#[derive(Default)]
struct Transactions {
    open: BTreeMap<String, u32>,
    /// The last one of each id that a request has ended, and whether that was to commit it.
    ended: BTreeMap<String, (u32, Option<bool>)>,
    last: u32,
}

impl Transactions {
    /// The transaction that a request is part of.
    fn of(&mut self, fields: &Fields) -> Option<u32> {
        let id = fields.transactional_id.clone()?;
        Some(*self.open.entry(id).or_insert_with(|| {
            self.last += 1;
            self.last
        }))
    }

    /// The transaction that a request ends. A client asks again where the answer says so, or is lost.
    fn ends(&mut self, fields: &Fields) -> Option<u32> {
        let id = fields.transactional_id.as_ref()?;
        let Some(number) = self.open.remove(id) else {
            let again = self.ended.get(id)?;
            return (again.1 == fields.committed).then_some(again.0);
        };
        let ended = (number, fields.committed);
        self.ended.insert(id.clone(), ended);
        Some(number)
    }
}
