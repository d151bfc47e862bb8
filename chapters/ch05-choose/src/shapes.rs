//! What the three brokers have: five shapes that a flow of messages can take, and what each is not.

use crate::args::Workload;

/// One way of moving messages, on one broker.
pub struct Shape {
    /// The lane of its broker.
    pub broker: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Why it cannot serve a sender that waits.
    waits: Option<&'static str>,
    /// Why it is no place for a message that must not be lost.
    kept: Option<&'static str>,
    /// Why nothing can be read again.
    again: Option<&'static str>,
    /// Why several workers cannot keep the order of a key.
    order: Option<&'static str>,
    /// Why one message that fails cannot be retried alone.
    retry: Option<&'static str>,
    /// How good it is at this work; compared between shapes that fit.
    best: fn(&Workload) -> u32,
    /// Why it is the choice.
    pub because: &'static str,
    /// What it costs.
    pub costs: &'static str,
    /// The pages that show it.
    pub read: &'static str,
}

// ANCHOR: shapes
/// The cheapest to run first. `Some` is what stands in its way.
pub const SHAPES: [Shape; 5] = [
    Shape {
        broker: "nats",
        name: "a subject",
        waits: None,
        kept: Some("a subject keeps nothing"),
        again: Some("a subject keeps nothing"),
        order: Some("a queue group has no keys"),
        retry: Some("there is no acknowledgement"),
        best: |work| 4 * u32::from(work.waits || work.lost),
        because: "nothing has to be kept, so nothing has to be stored, acknowledged or cleaned up",
        costs: "who is away gets nothing, and nobody is told",
        read: "ch02-nats-pub-sub, ch02-nats-request-reply",
    },
    // ANCHOR_END: shapes
    Shape {
        broker: "nats",
        name: "a JetStream stream",
        waits: Some("a stored message has no way back to its sender"),
        kept: None,
        again: None,
        order: Some("a consumer deals to all its workers; keys are yours to spread over consumers"),
        retry: None,
        best: |work| 2 + 2 * u32::from(work.again),
        because: "one server of one program keeps messages, replays them and acknowledges each",
        costs: "an acknowledged message reaches the disk up to two minutes later by default",
        read: "ch02-nats-jetstream, ch02-nats-dedup",
    },
    Shape {
        broker: "rabbit",
        name: "a quorum queue",
        waits: Some("the question is stored, and answered when its asker has gone"),
        kept: None,
        again: Some("an acknowledged message is gone from the queue"),
        order: Some("with several workers nobody keeps a key together"),
        retry: None,
        best: |work| 3 + 2 * u32::from(work.retry),
        because: "each message is held, retried or set aside by itself, and routed by rules",
        costs: "the queue is a place to pass through: keep it short",
        read: "ch03-rabbit-queue, ch03-rabbit-confirms, ch03-rabbit-dead-letter",
    },
    Shape {
        broker: "rabbit",
        name: "a stream",
        waits: Some("a stored message has no way back to its sender"),
        kept: None,
        again: None,
        order: Some("a stream has one order, and one reader follows it"),
        retry: Some("a reader has a place in the stream, not an answer to each message"),
        best: |_| 1,
        because: "it can be read again, on a broker that you may have already",
        costs: "a stream is read by one worker at a time where order matters",
        read: "ch03-rabbit-replay",
    },
    Shape {
        broker: "kafka",
        name: "a topic",
        waits: Some("a stored message has no way back to its sender"),
        kept: None,
        again: None,
        order: None,
        retry: Some("a message that fails holds up those behind it in its partition"),
        best: |_| 1,
        because: "a partition keeps its keys in order, one worker has it, and it can be read again",
        costs: "the number of partitions is the number of workers, and a bad message is your problem",
        read: "ch04-kafka-producer, ch04-kafka-consumer, ch04-kafka-keys",
    },
];

impl Shape {
    // ANCHOR: fits
    /// What stands in its way, if anything does. A sender that waits keeps its question itself, so
    /// nothing else has to keep it.
    pub fn not_for(&self, work: &Workload) -> Option<&'static str> {
        let asked = [
            (work.waits, self.waits),
            (!work.lost && !work.waits, self.kept),
            (work.again, self.again),
            (work.order, self.order),
            (work.retry, self.retry),
        ];
        asked
            .into_iter()
            .find_map(|(asked, not)| not.filter(|_| asked))
    }
    // ANCHOR_END: fits

    /// How well it fits; compared between shapes that do. A second broker costs you more than the
    /// better shape brings.
    pub fn best(&self, work: &Workload) -> u32 {
        let there = work.runs == Some(self.broker);
        (self.best)(work) + 10 * u32::from(there)
    }
}
