//! Finds frames in the bytes that come one way on a connection.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::frame::{Fields, UNREAD};
use crate::kafka::{Asked, Topics};
use crate::{Error, Kind, Way, amqp, kafka, nats};

/// How large a frame is at most. What a Kafka broker takes, `socket.request.max.bytes`, is 100 MiB by
/// default, and so is librdkafka's `receive.message.max.bytes`, nearly. NATS's `max_payload` is at
/// most 64 MiB, RabbitMQ's `max_message_size` at most 512 MiB and 16 MiB by default.
pub(crate) const MAX: usize = 100 << 20;

/// How much of a payload is kept.
pub(crate) const KEPT: usize = 4 << 10;

/// A frame that is whole.
#[derive(Debug)]
pub(crate) struct Unit {
    /// As it came.
    pub(crate) bytes: Bytes,
    pub(crate) kind: Kind,
    pub(crate) fields: Fields,
    /// Where it holds addresses of brokers.
    pub(crate) tells: Tells,
}

/// What a frame tells of brokers.
#[derive(Debug)]
pub(crate) enum Tells {
    Nothing,
    /// NATS's INFO.
    Info,
    /// An answer of Kafka's does, in these places.
    Places(kafka::Places),
}

impl Unit {
    /// A frame that holds no addresses.
    pub(crate) fn new(bytes: Bytes, kind: Kind, fields: Fields) -> Unit {
        Unit {
            bytes,
            kind,
            fields,
            tells: Tells::Nothing,
        }
    }
}

/// The reader of one way.
pub(crate) enum Reader {
    Nats,
    Amqp(amqp::Reader),
    Kafka(kafka::Reader),
    /// What comes makes no sense any more. It may be TLS.
    Blind,
}

impl Reader {
    /// Takes a frame off the front of the buffer; none where it is not whole yet.
    ///
    /// What cannot be read passes in a frame of its own, with all that follows it.
    pub(crate) fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Unit>, Error> {
        let unit = match self {
            _ if buffer.is_empty() => return Ok(None),
            Reader::Nats => nats::next(buffer),
            Reader::Amqp(reader) => reader.next(buffer),
            Reader::Kafka(reader) => match reader.next(buffer) {
                Ok(unit) => Ok(unit),
                Err(error) if reader.gives_up(&error) => Err(Unreadable),
                Err(error) => return Err(error),
            },
            Reader::Blind => Err(Unreadable),
        };
        Ok(unit.unwrap_or_else(|Unreadable| {
            let before = match self {
                Reader::Amqp(reader) => reader.rest(),
                _ => BytesMut::new(),
            };
            *self = Reader::Blind;
            Some(unread(before, buffer))
        }))
    }

    /// What is left once the connection ends: part of a frame.
    pub(crate) fn rest(&mut self, buffer: &mut BytesMut) -> Option<Unit> {
        let before = match self {
            Reader::Amqp(reader) => reader.rest(),
            _ => BytesMut::new(),
        };
        let nothing = before.is_empty() && buffer.is_empty();
        (!nothing).then(|| unread(before, buffer))
    }
}

/// The bytes are no frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

fn unread(mut before: BytesMut, buffer: &mut BytesMut) -> Unit {
    before.unsplit(buffer.split());
    Unit::new(before.freeze(), UNREAD, Fields::None)
}

/// The first bytes of a payload, in memory of their own: what is kept of a frame must not keep the
/// buffer that it came in.
pub(crate) fn kept(payload: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&payload[..payload.len().min(KEPT)])
}

/// Which protocol a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Nats,
    Amqp,
    Kafka,
}

impl Protocol {
    /// Readers for the two ways of a connection: to the broker, and back.
    pub(crate) fn readers(self, topics: &Arc<Topics>) -> (Reader, Reader) {
        match self {
            Protocol::Nats => (Reader::Nats, Reader::Nats),
            Protocol::Amqp => {
                let channels = Arc::new(amqp::Channels::default());
                (
                    Reader::Amqp(amqp::Reader::new(Way::ToBroker, channels.clone())),
                    Reader::Amqp(amqp::Reader::new(Way::ToClient, channels)),
                )
            }
            Protocol::Kafka => {
                let asked = Arc::new(Asked::default());
                (
                    Reader::Kafka(kafka::Reader::new(
                        Way::ToBroker,
                        asked.clone(),
                        topics.clone(),
                    )),
                    Reader::Kafka(kafka::Reader::new(Way::ToClient, asked, topics.clone())),
                )
            }
        }
    }
}
