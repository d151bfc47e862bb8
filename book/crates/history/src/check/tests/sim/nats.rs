//! A stream with durable consumers, and a key-value bucket.

use std::collections::{BTreeSet, VecDeque};

use super::{History, Operation, Promise, Tape};
use crate::Place;

const GROUPS: [&str; 2] = ["payments", "email"];

/// A durable consumer.
#[derive(Default)]
struct Durable {
    /// How many messages of the stream it has delivered.
    next: usize,
    /// Sequences to be delivered again.
    back: VecDeque<u64>,
    /// Sequences that are delivered and not settled, each with its worker.
    outstanding: Vec<(u64, usize)>,
    settled: BTreeSet<u64>,
}

struct Worker {
    name: String,
    group: usize,
    connection: Option<u32>,
    todo: VecDeque<u64>,
}

struct Sim {
    tape: Tape,
    promise: Promise,
    /// `max_ack_pending`. With 1, the order of keys is kept.
    bound: usize,
    stream: Vec<u32>,
    durables: Vec<Durable>,
    workers: Vec<Worker>,
    worked: BTreeSet<(usize, u32)>,
    again: Vec<u32>,
    bucket: u64,
}

/// A run with a stream.
pub fn run(seed: u64, promise: Promise) -> History {
    let mut tape = Tape::new(seed);
    let groups = tape.rng.usize(1..=2);
    let mut workers = Vec::new();
    for (group, of) in GROUPS.iter().enumerate().take(groups) {
        for number in 1..=tape.rng.usize(1..=3) {
            let name = format!("{of} {number}");
            workers.push(Worker {
                connection: Some(tape.open(&name)),
                name,
                group,
                todo: VecDeque::new(),
            });
        }
    }
    let mut sim = Sim {
        promise,
        bound: tape.rng.usize(1..=4),
        stream: Vec::new(),
        durables: (0..groups).map(|_| Durable::default()).collect(),
        workers,
        worked: BTreeSet::new(),
        again: Vec::new(),
        bucket: 0,
        tape,
    };
    let shop = sim.tape.open("shop");
    let mut fresh = 1..sim.tape.rng.u32(4..=14);
    loop {
        match sim.tape.rng.u8(..10) {
            0..3 => match sim.next(&mut fresh) {
                Some(message) => sim.publish(message),
                None => break,
            },
            3 => sim.bucket(),
            _ => {
                let worker = sim.tape.rng.usize(..sim.workers.len());
                sim.work(worker, 10);
            }
        }
    }
    while (0..sim.workers.len()).fold(false, |busy, worker| sim.work(worker, 0) | busy) {}
    sim.tape.close("shop", shop);
    sim.end(groups)
}

impl Sim {
    /// The message that the shop publishes next: again, or for the first time.
    fn next(&mut self, fresh: &mut impl Iterator<Item = u32>) -> Option<u32> {
        if self.tape.chance(50) {
            return self.again.pop().or_else(|| fresh.next());
        }
        fresh.next().or_else(|| self.again.pop())
    }

    fn publish(&mut self, message: u32) {
        let mut publish = Operation::publish("shop", message);
        if self.bound == 1 {
            publish = publish.key(format!("c-{}", message % 3));
        }
        let fate = self.tape.rng.u8(..100);
        if fate >= 90 {
            // Not stored. In a strict run it is given up, so that its key stays in order.
            if !self.promise.is_strict() {
                self.again.push(message);
            }
            return self.tape.put(publish.unknown());
        }
        self.stream.push(message);
        let place = Place::sequence("ORDERS", self.stream.len() as u64);
        if fate >= 80 {
            self.tape.put(publish.clone().unknown());
            if !self.promise.is_strict() {
                return self.again.push(message);
            }
            if self.tape.chance(30) {
                return;
            }
            // Its Nats-Msg-Id is known: the answer names the first one's sequence.
        }
        self.tape.put(publish.at(place));
    }

    /// Somebody writes or reads a key.
    fn bucket(&mut self) {
        let place = |sequence| Place::sequence("KV_orders", sequence);
        if self.tape.chance(60) {
            return self
                .tape
                .put(Operation::read("analytics", "c-1", place(self.bucket)));
        }
        // A read that began before a write and ends after it gets the one value or the other.
        let invoke = self.tape.tick();
        let old = self.bucket;
        self.bucket += 1;
        let write = Operation::write("orders", "c-1", place(self.bucket));
        match self.tape.chance(85) {
            true => self.tape.put(write),
            false => self.tape.put(write.unknown()),
        }
        let seen = old + self.tape.rng.u64(..=1);
        let end = self.tape.tick();
        let read = Operation::read("email", "c-1", place(seen)).during(invoke, end);
        self.tape.operations.push(read);
    }

    /// One step of a worker. False if there is nothing to do.
    fn work(&mut self, index: usize, trouble: u8) -> bool {
        let (name, group) = (self.workers[index].name.clone(), self.workers[index].group);
        if self.workers[index].connection.is_none() {
            self.workers[index].connection = Some(self.tape.open(&name));
        }
        if self.tape.chance(trouble) {
            self.trouble(index);
            return true;
        }
        let Some(sequence) = self.workers[index].todo.pop_front() else {
            return self.deliver(index);
        };
        let message = self.stream[sequence as usize - 1];
        let place = Place::sequence("ORDERS", sequence);
        if !self.worked.contains(&(group, message)) || !self.promise.is_strict() {
            let effect = Operation::effect(&name, GROUPS[group], message);
            match self.tape.rng.u8(..100) {
                0..8 => {
                    let nack = Operation::nack(&name, GROUPS[group], message).at(place);
                    self.tape.put(nack);
                    self.take_back(group, sequence, index);
                    return true;
                }
                8..14 => {
                    self.worked.insert((group, message));
                    let reject = Operation::reject(&name, GROUPS[group], message).at(place);
                    self.tape.put(reject);
                    self.settle(group, sequence);
                    return true;
                }
                14..22 => {
                    self.tape.put(effect.clone().unknown());
                    self.tape.put(effect);
                }
                _ => self.tape.put(effect),
            }
            self.worked.insert((group, message));
        }
        let ack = Operation::ack(&name, GROUPS[group], message).at(place);
        match self.tape.rng.u8(..100) {
            0..90 => self.tape.put(ack),
            90..95 => self.tape.put(ack.unknown()),
            _ => {
                // It got lost: the server delivers the message again when its time is over.
                self.tape.put(ack.unknown());
                self.take_back(group, sequence, index);
                return true;
            }
        }
        self.settle(group, sequence);
        true
    }

    fn deliver(&mut self, index: usize) -> bool {
        let group = self.workers[index].group;
        let durable = &mut self.durables[group];
        if durable.outstanding.len() == self.bound {
            return false;
        }
        durable
            .back
            .retain(|sequence| !durable.settled.contains(sequence));
        let (sequence, again) = match durable.back.pop_front() {
            Some(sequence) => (sequence, true),
            None if durable.next < self.stream.len() => {
                durable.next += 1;
                (durable.next as u64, false)
            }
            None => return false,
        };
        durable.outstanding.push((sequence, index));
        let worker = &mut self.workers[index];
        worker.todo.push_back(sequence);
        let message = self.stream[sequence as usize - 1];
        let receive = Operation::receive(&worker.name, GROUPS[group], message)
            .at(Place::sequence("ORDERS", sequence));
        self.tape.put(match again {
            true => receive.redelivered(),
            false => receive,
        });
        true
    }

    fn settle(&mut self, group: usize, sequence: u64) {
        let durable = &mut self.durables[group];
        durable.outstanding.retain(|(other, _)| *other != sequence);
        durable.settled.insert(sequence);
    }

    /// What a worker holds is to be delivered again, unless another has it by now.
    fn take_back(&mut self, group: usize, sequence: u64, worker: usize) {
        let durable = &mut self.durables[group];
        let held = durable.outstanding.len();
        durable
            .outstanding
            .retain(|other| *other != (sequence, worker));
        if durable.outstanding.len() < held {
            durable.back.push_front(sequence);
        }
    }

    /// A worker is killed, or is so slow that a message is taken from it while it works on.
    fn trouble(&mut self, index: usize) {
        let (name, group) = (self.workers[index].name.clone(), self.workers[index].group);
        let held: Vec<u64> = self.workers[index].todo.iter().copied().collect();
        if self.tape.chance(50) {
            if let Some(&sequence) = held.first() {
                self.take_back(group, sequence, index);
            }
            return;
        }
        for &sequence in held.iter().rev() {
            self.take_back(group, sequence, index);
        }
        self.workers[index].todo.clear();
        if let Some(connection) = self.workers[index].connection.take() {
            self.tape.close(&name, connection);
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
            // With interest retention, what every durable has settled is gone.
            let is_kept = self.tape.chance(50);
            for sequence in 1..=self.stream.len() as u64 {
                let is_settled = self
                    .durables
                    .iter()
                    .all(|durable| durable.settled.contains(&sequence));
                if is_kept || !is_settled {
                    let message = self.stream[sequence as usize - 1];
                    let there = Place::sequence("ORDERS", sequence);
                    self.tape.put(Operation::held("grader", message, there));
                }
            }
            self.tape.put(Operation::listed("grader", "ORDERS"));
        }
        let expect = self.promise.expect().groups(GROUPS[..groups].to_vec());
        self.tape
            .history(expect.in_flight(self.bound).connections(1))
    }
}
