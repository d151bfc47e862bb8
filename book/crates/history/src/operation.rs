//! What a process asked of its broker, what became of it, and when.

use std::fmt;
use std::time::Duration;

/// What a process did. Brokers have other words for some of it; each variant tells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A message was published: `PUB`, `basic.publish`, a record of a Produce request.
    Publish,
    /// A consumer got a message, pushed or polled.
    Receive,
    /// A consumer acknowledged a message. Where the broker counts a delivery as acknowledged
    /// (`no_ack`, core NATS), this stands beside the [`Kind::Receive`], at the same time.
    Ack,
    /// A consumer gave a message back, to be delivered again: `-NAK`, `basic.nack` with requeue.
    Nack,
    /// A consumer refused a message for good: `+TERM`, `basic.reject`, a message put aside.
    Reject,
    /// A consumer group's position was committed: a Kafka OffsetCommit, alone or in a transaction.
    Commit,
    /// The work of a message came into the world: a row, an event, a payment.
    Effect,
    /// A key's value was written: a put into a key-value bucket.
    Write,
    /// A key's value was read.
    Read,
    /// The broker holds a message: seen in its record, which consumes nothing.
    Held,
    /// A record of the broker was read to its end. What it held has a [`Kind::Held`] each.
    Listed,
    /// A consumer was assigned a partition, began anew, or went to another position by itself.
    Assign,
    /// A transaction was committed.
    CommitTransaction,
    /// A transaction was aborted.
    AbortTransaction,
    /// A connection to the broker was opened.
    Open,
    /// A connection was closed, by its process or by a fault.
    Close,
}

/// What became of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was answered with yes, or it was seen to have happened.
    Ok,
    /// It was answered with no, and it certainly has not happened.
    Fail,
    /// It had no answer, or one that leaves it open: it may have happened or not, or may yet.
    Unknown,
}

/// Where a message is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// A record of a Kafka partition.
    Offset {
        /// The topic.
        topic: String,
        /// Its partition.
        partition: u32,
        /// The record's offset, from 0.
        offset: u64,
    },
    /// A message of a JetStream stream, a key-value bucket's too.
    Sequence {
        /// The stream.
        stream: String,
        /// The message's sequence, from 1.
        sequence: u64,
    },
    /// A message of an AMQP queue, which has no position there.
    Queue {
        /// The queue.
        queue: String,
        /// The delivery tag, where it was delivered. It counts in its channel alone.
        tag: Option<u64>,
    },
}

impl Place {
    /// A record of a Kafka partition.
    pub fn offset(topic: impl Into<String>, partition: u32, offset: u64) -> Place {
        Place::Offset {
            topic: topic.into(),
            partition,
            offset,
        }
    }

    /// A message of a JetStream stream.
    pub fn sequence(stream: impl Into<String>, sequence: u64) -> Place {
        Place::Sequence {
            stream: stream.into(),
            sequence,
        }
    }

    /// A delivery from an AMQP queue.
    pub fn tag(queue: impl Into<String>, tag: u64) -> Place {
        Place::Queue {
            queue: queue.into(),
            tag: Some(tag),
        }
    }

    /// A message in an AMQP queue.
    pub fn queue(queue: impl Into<String>) -> Place {
        Place::Queue {
            queue: queue.into(),
            tag: None,
        }
    }

    /// The topic, stream or queue.
    pub fn log(&self) -> &str {
        match self {
            Place::Offset { topic, .. } => topic,
            Place::Sequence { stream, .. } => stream,
            Place::Queue { queue, .. } => queue,
        }
    }

    /// Where it stands in the order of its log: the partition, and the position in it. None for a
    /// queue.
    pub(crate) fn position(&self) -> Option<(u32, u64)> {
        match *self {
            Place::Offset {
                partition, offset, ..
            } => Some((partition, offset)),
            Place::Sequence { sequence, .. } => Some((0, sequence)),
            Place::Queue { .. } => None,
        }
    }
}

/// `offset 7 of orders/0`, `sequence 7 of ORDERS`, `delivery tag 7 of payments`, `payments`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Offset {
                topic,
                partition,
                offset,
            } => write!(f, "offset {offset} of {topic}/{partition}"),
            Place::Sequence { stream, sequence } => write!(f, "sequence {sequence} of {stream}"),
            Place::Queue {
                queue,
                tag: Some(tag),
            } => write!(f, "delivery tag {tag} of {queue}"),
            Place::Queue { queue, tag: None } => f.write_str(queue),
        }
    }
}

/// One operation of one process.
///
/// ```
/// use std::time::Duration;
/// use history::{Operation, Place};
///
/// let at = Duration::from_millis;
/// let published = Operation::publish("shop", 3)
///     .key("c-1")
///     .at(Place::offset("orders", 0, 7))
///     .during(at(1200), at(1204));
/// let cut_off = Operation::publish("shop", 4).during(at(1210), at(2210)).unknown();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    pub(crate) process: String,
    pub(crate) kind: Kind,
    pub(crate) group: String,
    pub(crate) message: u32,
    pub(crate) key: Option<String>,
    pub(crate) place: Option<Place>,
    pub(crate) transaction: Option<u32>,
    pub(crate) redelivered: bool,
    pub(crate) connection: u32,
    pub(crate) invoke: Duration,
    pub(crate) end: Duration,
    pub(crate) outcome: Outcome,
}

/// How an operation is written down. A **group** is all that share the messages of one queue, one
/// durable consumer or one consumer group; for a queue it has the queue's name.
impl Operation {
    fn new(process: impl Into<String>, kind: Kind) -> Operation {
        Operation {
            process: process.into(),
            kind,
            group: String::new(),
            message: 0,
            key: None,
            place: None,
            transaction: None,
            redelivered: false,
            connection: 0,
            invoke: Duration::ZERO,
            end: Duration::ZERO,
            outcome: Outcome::Ok,
        }
    }

    fn of(
        process: impl Into<String>,
        kind: Kind,
        group: impl Into<String>,
        message: u32,
    ) -> Operation {
        Operation {
            group: group.into(),
            message,
            ..Operation::new(process, kind)
        }
    }

    /// A process published o-`message`. Each time that it did so is an operation of its own.
    pub fn publish(process: impl Into<String>, message: u32) -> Operation {
        Operation::of(process, Kind::Publish, "", message)
    }

    /// A process of this group got o-`message`.
    pub fn receive(
        process: impl Into<String>,
        group: impl Into<String>,
        message: u32,
    ) -> Operation {
        Operation::of(process, Kind::Receive, group, message)
    }

    /// A process acknowledged o-`message`. One `multiple` is an operation for each message.
    pub fn ack(process: impl Into<String>, group: impl Into<String>, message: u32) -> Operation {
        Operation::of(process, Kind::Ack, group, message)
    }

    /// A process gave o-`message` back, to be delivered again.
    pub fn nack(process: impl Into<String>, group: impl Into<String>, message: u32) -> Operation {
        Operation::of(process, Kind::Nack, group, message)
    }

    /// A process refused o-`message` for good, or put it aside.
    pub fn reject(process: impl Into<String>, group: impl Into<String>, message: u32) -> Operation {
        Operation::of(process, Kind::Reject, group, message)
    }

    /// A process committed its group's position: `next` is the first that is not yet consumed, as
    /// Kafka counts.
    pub fn commit(process: impl Into<String>, group: impl Into<String>, next: Place) -> Operation {
        Operation::of(process, Kind::Commit, group, 0).at(next)
    }

    /// The work of o-`message` for this group was done by a process.
    pub fn effect(process: impl Into<String>, group: impl Into<String>, message: u32) -> Operation {
        Operation::of(process, Kind::Effect, group, message)
    }

    /// A process wrote a key's value, at this sequence of its bucket.
    pub fn write(process: impl Into<String>, key: impl Into<String>, at: Place) -> Operation {
        Operation::new(process, Kind::Write).key(key).at(at)
    }

    /// A process read a key and got the value that was written at `found`. Sequence 0 of a bucket:
    /// it got nothing.
    pub fn read(process: impl Into<String>, key: impl Into<String>, found: Place) -> Operation {
        Operation::new(process, Kind::Read).key(key).at(found)
    }

    /// The broker holds o-`message` there, as `process`, who looked, has seen.
    pub fn held(process: impl Into<String>, message: u32, there: Place) -> Operation {
        Operation::of(process, Kind::Held, "", message).at(there)
    }

    /// A process has read a topic, stream or queue to its end: what it held has a
    /// [`Operation::held`] each.
    pub fn listed(process: impl Into<String>, log: impl Into<String>) -> Operation {
        Operation::new(process, Kind::Listed).at(Place::queue(log))
    }

    /// A process of this group was assigned the partition of `from`, and polls from there.
    pub fn assign(process: impl Into<String>, group: impl Into<String>, from: Place) -> Operation {
        Operation::of(process, Kind::Assign, group, 0).at(from)
    }

    /// A process committed a transaction.
    pub fn commit_transaction(process: impl Into<String>, transaction: u32) -> Operation {
        Operation::new(process, Kind::CommitTransaction).within(transaction)
    }

    /// A process aborted a transaction, or its coordinator did.
    pub fn abort_transaction(process: impl Into<String>, transaction: u32) -> Operation {
        Operation::new(process, Kind::AbortTransaction).within(transaction)
    }

    /// A process opened a connection. Connections are numbered through the whole history.
    pub fn open(process: impl Into<String>, connection: u32) -> Operation {
        Operation {
            connection,
            ..Operation::new(process, Kind::Open)
        }
    }

    /// A process closed a connection, or lost it.
    pub fn close(process: impl Into<String>, connection: u32) -> Operation {
        Operation {
            connection,
            ..Operation::new(process, Kind::Close)
        }
    }

    /// The key within which order is kept.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Operation {
        self.key = Some(key.into());
        self
    }

    /// Where the broker has it, or delivered it from.
    #[must_use]
    pub fn at(mut self, place: Place) -> Operation {
        self.place = Some(place);
        self
    }

    /// The transaction that it is part of. Transactions are numbered through the whole history.
    #[must_use]
    pub fn within(mut self, transaction: u32) -> Operation {
        self.transaction = Some(transaction);
        self
    }

    /// The broker says that it has delivered the message before: the flag `redelivered`, or a
    /// count of deliveries above 1.
    #[must_use]
    pub fn redelivered(mut self) -> Operation {
        self.redelivered = true;
        self
    }

    /// When it was asked, and when it was answered or given up, since the run's start.
    #[must_use]
    pub fn during(mut self, invoke: Duration, end: Duration) -> Operation {
        (self.invoke, self.end) = (invoke, end);
        self
    }

    /// The one moment at which it happened, since the run's start.
    #[must_use]
    pub fn when(self, moment: Duration) -> Operation {
        self.during(moment, moment)
    }

    /// It was refused, and certainly has not happened.
    #[must_use]
    pub fn failed(mut self) -> Operation {
        self.outcome = Outcome::Fail;
        self
    }

    /// It had no answer.
    #[must_use]
    pub fn unknown(mut self) -> Operation {
        self.outcome = Outcome::Unknown;
        self
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Which message it is about; 0 where it is about none.
    pub fn message(&self) -> u32 {
        self.message
    }

    /// Who did it.
    pub fn process(&self) -> &str {
        &self.process
    }

    /// The moment that tells when it happened: when a publication, a delivery, a value or an effect
    /// was there, and when everything else was asked.
    pub fn moment(&self) -> Duration {
        match (self.kind, self.outcome) {
            (_, Outcome::Unknown) => self.invoke,
            (Kind::Publish | Kind::Receive | Kind::Effect, _) => self.end,
            (Kind::Write | Kind::Read | Kind::Held, _) => self.end,
            _ => self.invoke,
        }
    }

    /// Whether it may have happened.
    pub(crate) fn may_be(&self) -> bool {
        self.outcome != Outcome::Fail
    }

    /// Whether it has happened.
    pub(crate) fn is_ok(&self) -> bool {
        self.outcome == Outcome::Ok
    }
}
