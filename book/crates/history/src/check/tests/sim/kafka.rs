//! A topic, a publisher with transactions, and two consumer groups that rebalance.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::{AnomalyName, History, Operation, Promise, Tape};
use crate::Place;

const GROUPS: [&str; 2] = ["payments", "email"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Committed,
    Aborted,
}

/// A record: a message, or the marker at a transaction's end, which takes an offset too.
struct Record {
    message: Option<u32>,
    transaction: Option<u32>,
}

struct Worker {
    name: String,
    group: usize,
    connection: Option<u32>,
    /// Its partitions, each with the offset that it polls next.
    positions: BTreeMap<u32, u64>,
    /// What it got and has not worked on.
    todo: VecDeque<(u32, u64, u32)>,
    /// What it worked on and has not committed: the next offset of each partition.
    done: BTreeMap<u32, u64>,
    in_flight: usize,
}

struct Sim {
    tape: Tape,
    promise: Promise,
    sees_uncommitted: bool,
    bound: usize,
    partitions: Vec<Vec<Record>>,
    transactions: HashMap<u32, State>,
    /// The transaction that the shop has open, and its messages.
    open: Option<(u32, Vec<u32>)>,
    fresh: u32,
    last: u32,
    /// What the shop is to publish again.
    again: Vec<u32>,
    workers: Vec<Worker>,
    committed: HashMap<(usize, u32), u64>,
    worked: BTreeSet<(usize, u32)>,
}

/// A run with a topic.
pub fn run(seed: u64, promise: Promise) -> History {
    let mut tape = Tape::new(seed);
    let partitions = tape.rng.usize(1..=3);
    let groups = tape.rng.usize(1..=2);
    let mut workers = Vec::new();
    for (group, of) in GROUPS.iter().enumerate().take(groups) {
        for number in 1..=tape.rng.usize(1..=3) {
            workers.push(Worker {
                name: format!("{of} {number}"),
                group,
                connection: None,
                positions: BTreeMap::new(),
                todo: VecDeque::new(),
                done: BTreeMap::new(),
                in_flight: 0,
            });
        }
    }
    let mut sim = Sim {
        promise,
        sees_uncommitted: !promise.is_strict() && tape.chance(30),
        bound: tape.rng.usize(1..=6),
        partitions: (0..partitions).map(|_| Vec::new()).collect(),
        transactions: HashMap::new(),
        open: None,
        fresh: 1,
        last: tape.rng.u32(4..=14),
        again: Vec::new(),
        workers,
        committed: HashMap::new(),
        worked: BTreeSet::new(),
        tape,
    };
    let shop = sim.tape.open("shop");
    for group in 0..groups {
        sim.rebalance(group);
    }
    while sim.fresh <= sim.last || sim.open.is_some() || !sim.again.is_empty() {
        match sim.tape.chance(40) {
            true => sim.shop(),
            false => {
                let worker = sim.tape.rng.usize(..sim.workers.len());
                sim.work(worker, 6);
            }
        }
    }
    while (0..sim.workers.len()).fold(false, |busy, worker| sim.work(worker, 0) | busy) {}
    sim.tape.close("shop", shop);
    sim.end(groups)
}

fn at(partition: usize, offset: u64) -> Place {
    Place::offset("orders", partition as u32, offset)
}

impl Sim {
    fn key(message: u32) -> u32 {
        message % 4
    }

    fn append(&mut self, message: u32, transaction: Option<u32>) -> Place {
        let partition = Sim::key(message) as usize % self.partitions.len();
        let records = &mut self.partitions[partition];
        records.push(Record {
            message: Some(message),
            transaction,
        });
        at(partition, records.len() as u64 - 1)
    }

    /// The shop publishes some messages at once, or ends its transaction.
    fn shop(&mut self) {
        if let Some((transaction, messages)) = self.open.take() {
            return self.end_transaction(transaction, messages);
        }
        let mut messages = Vec::new();
        while self.fresh <= self.last && messages.len() < 4 && self.tape.chance(70) {
            messages.push(self.fresh);
            self.fresh += 1;
        }
        messages.append(&mut self.again);
        let transaction = !messages.is_empty() && self.tape.chance(30);
        let transaction = transaction.then_some(self.transactions.len() as u32 + 1);
        let invoked: Vec<_> = messages.iter().map(|_| self.tape.tick()).collect();
        for (&message, invoke) in messages.iter().zip(invoked) {
            let publish =
                Operation::publish("shop", message).key(format!("c-{}", Sim::key(message)));
            let fate = if transaction.is_some() {
                0
            } else {
                self.tape.rng.u8(..100)
            };
            let publish = match fate {
                0..80 => {
                    let place = self.append(message, transaction);
                    let publish = publish.at(place);
                    match transaction {
                        Some(transaction) => publish.within(transaction),
                        None => publish,
                    }
                }
                80..88 => {
                    let place = self.append(message, None);
                    let end = self.tape.tick();
                    self.tape
                        .operations
                        .push(publish.clone().during(invoke, end).unknown());
                    if !self.promise.is_strict() {
                        // A retry without an id is a second copy.
                        if self.tape.chance(50) {
                            self.again.push(message);
                        }
                        continue;
                    }
                    // A retry with an id is answered with the first one's place, or not at all.
                    if self.tape.chance(30) {
                        continue;
                    }
                    publish.at(place)
                }
                88..94 => {
                    if !self.promise.is_strict() {
                        self.again.push(message);
                    }
                    publish.unknown()
                }
                _ => {
                    self.again.push(message);
                    publish.failed()
                }
            };
            let end = self.tape.tick();
            self.tape.operations.push(publish.during(invoke, end));
        }
        if let Some(transaction) = transaction {
            self.transactions.insert(transaction, State::Open);
            self.open = Some((transaction, messages));
        }
    }

    fn end_transaction(&mut self, transaction: u32, messages: Vec<u32>) {
        let commit = Operation::commit_transaction("shop", transaction);
        let abort = Operation::abort_transaction("shop", transaction);
        // The marker may be written at once, and the answer comes later.
        let invoke = self.tape.tick();
        let (state, operation) = match self.tape.rng.u8(..100) {
            0..55 => (State::Committed, Some(commit)),
            55..65 => (State::Committed, Some(commit.unknown())),
            65..75 => (State::Aborted, Some(commit.unknown())),
            75..90 => (State::Aborted, Some(abort)),
            // The coordinator aborts what its producer has left.
            _ => (State::Aborted, None),
        };
        self.transactions.insert(transaction, state);
        for records in &mut self.partitions {
            if records
                .iter()
                .any(|record| record.transaction == Some(transaction))
            {
                records.push(Record {
                    message: None,
                    transaction: None,
                });
            }
        }
        let is_certain = operation.as_ref().is_none_or(Operation::is_ok);
        let end = self.tape.tick();
        if let Some(operation) = operation {
            let unanswered = !operation.is_ok();
            self.tape.operations.push(operation.during(invoke, end));
            if unanswered && state == State::Committed && self.tape.chance(50) {
                self.tape
                    .put(Operation::commit_transaction("shop", transaction));
            }
        }
        if state == State::Aborted && (is_certain || !self.promise.is_strict()) {
            self.again.extend(messages);
        }
    }

    /// Up to `most` messages from an offset on, each with its own, and the offset after them.
    fn fetch(&self, partition: u32, from: u64, most: usize) -> (Vec<(u64, u32)>, u64) {
        let mut got = Vec::new();
        let mut next = from;
        for record in self.partitions[partition as usize]
            .iter()
            .skip(from as usize)
        {
            let state = record.transaction.map(|number| self.transactions[&number]);
            match (record.message, state) {
                (Some(_), Some(State::Open)) if !self.sees_uncommitted => break,
                (Some(_), Some(State::Aborted)) if !self.sees_uncommitted => {}
                (Some(_), _) if got.len() == most => break,
                (Some(message), _) => got.push((next, message)),
                (None, _) => {}
            }
            next += 1;
        }
        (got, next)
    }

    /// One step of a worker: it crashes, works, commits, or polls. False if there is nothing to do.
    fn work(&mut self, index: usize, crash: u8) -> bool {
        if self.workers[index].connection.is_none() {
            return false;
        }
        if self.tape.chance(crash) {
            self.crash(index);
            return true;
        }
        let committing = self.workers[index].todo.is_empty() || self.tape.chance(30);
        if committing && !self.workers[index].done.is_empty() {
            self.commit(index);
            return true;
        }
        if let Some((partition, offset, message)) = self.workers[index].todo.pop_front() {
            self.do_work(index, partition, offset, message);
            return true;
        }
        self.poll(index)
    }

    fn poll(&mut self, index: usize) -> bool {
        let room = self.bound - self.workers[index].in_flight;
        let most = self.tape.rng.usize(1..=room);
        let positions = self.workers[index].positions.clone();
        for (partition, from) in positions {
            let (got, next) = self.fetch(partition, from, most);
            let worker = &mut self.workers[index];
            worker.positions.insert(partition, next);
            if got.is_empty() {
                continue;
            }
            let (invoke, end) = (self.tape.tick(), self.tape.tick());
            worker.in_flight += got.len();
            for (offset, message) in got {
                worker.todo.push_back((partition, offset, message));
                let receive = Operation::receive(&worker.name, GROUPS[worker.group], message);
                let receive = receive.at(at(partition as usize, offset));
                self.tape.operations.push(receive.during(invoke, end));
            }
            return true;
        }
        false
    }

    fn do_work(&mut self, index: usize, partition: u32, offset: u64, message: u32) {
        let worker = &self.workers[index];
        let (name, group) = (worker.name.clone(), worker.group);
        let effect = Operation::effect(&name, GROUPS[group], message);
        let known = self.worked.contains(&(group, message)) && self.promise.is_strict();
        let within = worker.todo.is_empty() && worker.done.is_empty() && self.tape.chance(30);
        if within && !known {
            return self.work_within(index, partition, offset, message);
        }
        if !known {
            match self.tape.rng.u8(..100) {
                0..6 => self
                    .tape
                    .put(Operation::reject(&name, GROUPS[group], message)),
                6..16 => {
                    self.tape.put(effect.clone().unknown());
                    self.tape.put(effect);
                }
                _ => self.tape.put(effect),
            }
            self.worked.insert((group, message));
        }
        self.workers[index].done.insert(partition, offset + 1);
    }

    /// Works on a message and commits its position in one transaction.
    fn work_within(&mut self, index: usize, partition: u32, offset: u64, message: u32) {
        let (name, group) = (self.workers[index].name.clone(), self.workers[index].group);
        // Numbers of their own, beside those of the shop.
        let transaction = 1000 + self.tape.operations.len() as u32;
        let effect = Operation::effect(&name, GROUPS[group], message);
        self.tape.put(effect.within(transaction));
        let next = at(partition as usize, offset + 1);
        let commit = Operation::commit(&name, GROUPS[group], next);
        self.tape.put(commit.within(transaction));
        if self.tape.chance(75) {
            self.tape
                .put(Operation::commit_transaction(&name, transaction));
            self.worked.insert((group, message));
            self.committed.insert((group, partition), offset + 1);
            self.workers[index].in_flight = 0;
            return;
        }
        self.tape
            .put(Operation::abort_transaction(&name, transaction));
        // It goes back to what is committed.
        self.assign(index, partition);
    }

    fn assign(&mut self, index: usize, partition: u32) {
        let worker = &mut self.workers[index];
        let from = self.committed.get(&(worker.group, partition));
        let from = from.copied().unwrap_or_default();
        worker.positions.insert(partition, from);
        worker.in_flight = 0;
        let assign = Operation::assign(
            &worker.name,
            GROUPS[worker.group],
            at(partition as usize, from),
        );
        self.tape.put(assign);
    }

    fn commit(&mut self, index: usize) {
        let (name, group) = (self.workers[index].name.clone(), self.workers[index].group);
        let done = std::mem::take(&mut self.workers[index].done);
        for (partition, next) in done {
            let commit = Operation::commit(&name, GROUPS[group], at(partition as usize, next));
            let (commit, applied) = match self.tape.rng.u8(..100) {
                0..85 => (commit, true),
                85..90 => (commit.unknown(), true),
                90..95 => (commit.unknown(), false),
                _ => {
                    self.tape.put(commit.failed());
                    return self.rebalance(group);
                }
            };
            self.tape.put(commit);
            if applied {
                self.committed.insert((group, partition), next);
            }
        }
        let worker = &mut self.workers[index];
        worker.in_flight = worker.todo.len();
    }

    fn crash(&mut self, index: usize) {
        let group = self.workers[index].group;
        let name = self.workers[index].name.clone();
        if let Some(connection) = self.workers[index].connection.take() {
            self.tape.close(&name, connection);
        }
        self.rebalance(group);
    }

    /// All partitions of a group are given out anew. Who is not there comes back, mostly.
    fn rebalance(&mut self, group: usize) {
        let members: Vec<usize> = (0..self.workers.len())
            .filter(|&index| self.workers[index].group == group)
            .collect();
        let mut there = Vec::new();
        for &index in &members {
            let is_last = there.is_empty() && Some(&index) == members.last();
            if self.workers[index].connection.is_none() && (is_last || self.tape.chance(70)) {
                let name = self.workers[index].name.clone();
                self.workers[index].connection = Some(self.tape.open(&name));
            }
            let worker = &mut self.workers[index];
            worker.positions.clear();
            worker.todo.clear();
            worker.done.clear();
            worker.in_flight = 0;
            if worker.connection.is_some() {
                there.push(index);
            }
        }
        for partition in 0..self.partitions.len() {
            let index = there[self.tape.rng.usize(..there.len())];
            self.assign(index, partition as u32);
        }
    }

    fn end(mut self, groups: usize) -> History {
        for index in 0..self.workers.len() {
            if let Some(connection) = self.workers[index].connection.take() {
                let name = self.workers[index].name.clone();
                self.tape.close(&name, connection);
            }
        }
        if self.tape.chance(70) {
            self.sees_uncommitted = false;
            let invoke = self.tape.tick();
            for partition in 0..self.partitions.len() {
                for (offset, message) in self.fetch(partition as u32, 0, usize::MAX).0 {
                    self.tape
                        .put(Operation::held("grader", message, at(partition, offset)));
                }
            }
            let listed = Operation::listed("grader", "orders").during(invoke, self.tape.now());
            self.tape.operations.push(listed);
        }
        let mut expect = self.promise.expect();
        expect = expect
            .groups(GROUPS[..groups].to_vec())
            .in_flight(self.bound)
            .connections(1);
        if !self.promise.is_strict() {
            expect = expect.allow([AnomalyName::AbortedRead]);
        }
        self.tape.history(expect)
    }
}
