//! Queues behind an exchange, consumers with a prefetch, and a dead-letter exchange.

use std::collections::{BTreeSet, VecDeque};

use super::{History, Operation, Promise, Tape};
use crate::Place;

const QUEUES: [&str; 2] = ["payments", "email"];

#[derive(Default)]
struct Queue {
    /// What is ready, each with whether it was delivered before.
    ready: VecDeque<(u32, bool)>,
    /// What was refused and waits in a queue whose messages come back, or stay.
    dead: Vec<u32>,
}

struct Worker {
    name: String,
    queue: usize,
    connection: Option<u32>,
    /// The tag of its channel's latest delivery.
    tag: u64,
    /// What it holds, in the order of delivery.
    unacked: VecDeque<(u64, u32)>,
}

struct Sim {
    tape: Tape,
    promise: Promise,
    prefetch: usize,
    /// One consumer for each queue with a prefetch of 1, and refused messages stay where they are.
    ordered: bool,
    queues: Vec<Queue>,
    workers: Vec<Worker>,
    worked: BTreeSet<(usize, u32)>,
    again: Vec<u32>,
}

/// A run with queues.
pub fn run(seed: u64, promise: Promise) -> History {
    let mut tape = Tape::new(seed);
    let queues = tape.rng.usize(1..=2);
    let ordered = tape.chance(40);
    let mut workers = Vec::new();
    for (queue, of) in QUEUES.iter().enumerate().take(queues) {
        let most = if ordered { 1 } else { 3 };
        for number in 1..=tape.rng.usize(1..=most) {
            let name = format!("{of} {number}");
            workers.push(Worker {
                connection: Some(tape.open(&name)),
                name,
                queue,
                tag: 0,
                unacked: VecDeque::new(),
            });
        }
    }
    let mut sim = Sim {
        promise,
        prefetch: if ordered { 1 } else { tape.rng.usize(1..=4) },
        ordered,
        queues: (0..queues).map(|_| Queue::default()).collect(),
        workers,
        worked: BTreeSet::new(),
        again: Vec::new(),
        tape,
    };
    let shop = sim.tape.open("shop");
    let mut fresh = 1..sim.tape.rng.u32(4..=14);
    loop {
        if sim.tape.chance(35) {
            match sim.next(&mut fresh) {
                Some(message) => sim.publish(message),
                None => break,
            }
        } else {
            let worker = sim.tape.rng.usize(..sim.workers.len());
            sim.work(worker, true);
        }
    }
    let is_drained = sim.tape.chance(75);
    while is_drained
        && (0..sim.workers.len()).fold(false, |busy, worker| sim.work(worker, false) | busy)
    {}
    sim.tape.close("shop", shop);
    sim.end(queues, is_drained)
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
        if self.ordered {
            publish = publish.key(format!("c-{}", message % 3));
        }
        match self.tape.rng.u8(..100) {
            0..80 => {
                for queue in &mut self.queues {
                    queue.ready.push_back((message, false));
                }
                self.tape.put(publish);
            }
            // The confirm never came: all queues have it, or some.
            80..90 => {
                for queue in &mut self.queues {
                    if self.tape.rng.u8(..100) < 70 {
                        queue.ready.push_back((message, false));
                    }
                }
                self.tape.put(publish.unknown());
                if !self.promise.is_strict() {
                    self.again.push(message);
                }
            }
            90..95 => {
                self.tape.put(publish.unknown());
                if !self.ordered {
                    self.again.push(message);
                }
            }
            _ => {
                self.tape.put(publish.failed());
                self.again.push(message);
            }
        }
    }

    /// One step of a worker, perhaps with trouble. False if there is nothing to do.
    fn work(&mut self, index: usize, trouble: bool) -> bool {
        let (name, at) = (self.workers[index].name.clone(), self.workers[index].queue);
        if self.workers[index].connection.is_none() {
            self.workers[index].connection = Some(self.tape.open(&name));
        }
        if trouble && self.tape.chance(6) {
            self.cut_off(index);
            return true;
        }
        if !self.ordered && self.tape.chance(30) {
            // What was refused comes back as new, when its time in the other queue is over.
            let queue = &mut self.queues[at];
            queue
                .ready
                .extend(queue.dead.drain(..).map(|message| (message, false)));
        }
        let has_room = self.workers[index].unacked.len() < self.prefetch;
        if has_room && self.tape.chance(60) && self.deliver(index) {
            return true;
        }
        let Some((tag, message)) = self.workers[index].unacked.pop_front() else {
            let more = self.deliver(index);
            return more || (!self.ordered && !self.queues[at].dead.is_empty());
        };
        let queue = QUEUES[at];
        let place = Place::tag(queue, tag);
        if !self.worked.contains(&(at, message)) || !self.promise.is_strict() {
            let effect = Operation::effect(&name, queue, message);
            match self.tape.rng.u8(..100) {
                0..8 => {
                    self.tape
                        .put(Operation::nack(&name, queue, message).at(place));
                    self.queues[at].ready.push_front((message, true));
                    return true;
                }
                8..16 => {
                    self.tape
                        .put(Operation::reject(&name, queue, message).at(place));
                    self.queues[at].dead.push(message);
                    return true;
                }
                16..24 => {
                    self.tape.put(effect.clone().unknown());
                    self.tape.put(effect);
                }
                _ => self.tape.put(effect),
            }
            self.worked.insert((at, message));
        }
        let ack = Operation::ack(&name, queue, message).at(place);
        if trouble && self.tape.chance(8) {
            // The connection ends while the acknowledgement is on its way.
            self.tape.put(ack.unknown());
            if self.tape.chance(50) {
                self.workers[index].unacked.push_front((tag, message));
            }
            self.cut_off(index);
            return true;
        }
        self.tape.put(ack);
        true
    }

    fn deliver(&mut self, index: usize) -> bool {
        let worker = &mut self.workers[index];
        let Some((message, again)) = self.queues[worker.queue].ready.pop_front() else {
            return false;
        };
        worker.tag += 1;
        worker.unacked.push_back((worker.tag, message));
        let queue = QUEUES[worker.queue];
        let receive = Operation::receive(&worker.name, queue, message);
        let receive = receive.at(Place::tag(queue, worker.tag));
        self.tape.put(match again {
            true => receive.redelivered(),
            false => receive,
        });
        true
    }

    /// A worker's connection ends: what it held is ready again, in its place.
    fn cut_off(&mut self, index: usize) {
        let worker = &mut self.workers[index];
        let queue = &mut self.queues[worker.queue];
        while let Some((_, message)) = worker.unacked.pop_back() {
            queue.ready.push_front((message, true));
        }
        worker.tag = 0;
        let name = worker.name.clone();
        if let Some(connection) = worker.connection.take() {
            self.tape.close(&name, connection);
        }
    }

    fn end(mut self, queues: usize, is_drained: bool) -> History {
        for index in 0..self.workers.len() {
            self.cut_off(index);
        }
        if self.tape.chance(70) {
            for (name, queue) in QUEUES.iter().zip(&self.queues) {
                let dead = format!("{name}.dead");
                for &(message, _) in &queue.ready {
                    let held = Operation::held("grader", message, Place::queue(*name));
                    self.tape.put(held);
                }
                for &message in &queue.dead {
                    self.tape
                        .put(Operation::held("grader", message, Place::queue(&dead)));
                }
                self.tape.put(Operation::listed("grader", *name));
                self.tape.put(Operation::listed("grader", dead));
            }
        }
        let mut expect = self.promise.expect();
        if is_drained {
            expect = expect.groups(QUEUES[..queues].to_vec());
        }
        let bound = self.prefetch;
        self.tape.history(expect.in_flight(bound).connections(1))
    }
}
