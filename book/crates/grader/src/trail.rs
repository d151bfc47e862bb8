//! What the proxy saw of one message: the frames that name it, and those that answer them.

use std::collections::BTreeSet;

use wire::amqp::{CHANNEL_OPEN, CONFIRM, DELIVER, GET_OK, PUBLISH, REFUSE};
use wire::{Fields, Frame, Way};

use crate::once::orders;

/// The places of the frames that are about the order `o-N`, in their order.
pub(crate) fn places(frames: &[Frame], order: u32) -> Vec<usize> {
    let mut tags = BTreeSet::new();
    let about = |place: &usize| {
        let frame = &frames[*place];
        if let Some(fields) = frame.amqp().filter(|_| frame.kind == CHANNEL_OPEN) {
            // Tags begin anew with their channel.
            tags.retain(|tag| !is_of(tag, frame.connection, fields.channel));
        }
        let is_named = named(frame).contains(&order);
        if is_named {
            tags.extend(tag(frame));
        }
        is_named || answers(frame, &tags)
    };
    (0..frames.len()).filter(about).collect()
}

/// The orders whose messages are in the frame.
pub(crate) fn named(frame: &Frame) -> Vec<u32> {
    match &frame.fields {
        Fields::Nats(fields) => orders(&fields.payload),
        Fields::Amqp(fields) => orders(&fields.payload),
        Fields::Kafka(fields) => {
            let partitions = fields.partitions.iter();
            let records = partitions.flat_map(|partition| &partition.kept);
            let parts = records.flat_map(|record| [&record.key, &record.value]);
            let all: BTreeSet<u32> = parts.flatten().flat_map(|part| orders(part)).collect();
            all.into_iter().collect()
        }
        Fields::None => Vec::new(),
    }
}

/// By what an answer to a message names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tag {
    /// Its place in a JetStream stream, to whichever consumer.
    Sequence(String, u64),
    /// Where NATS's answer to it goes.
    Inbox(u32, String),
    /// Its number on a channel of AMQP: of what was published there, or of what was delivered.
    Channel {
        connection: u32,
        channel: u16,
        /// Whether it was published there.
        published: bool,
        tag: u64,
    },
    /// The number of a request of Kafka's on its connection.
    Request(u32, i32),
}

/// How an answer to this message will name it.
fn tag(frame: &Frame) -> Option<Tag> {
    match &frame.fields {
        Fields::Nats(fields) => match (&fields.stream, fields.sequence, &fields.reply) {
            (Some(stream), Some(sequence), _) => Some(Tag::Sequence(stream.clone(), sequence)),
            (.., Some(reply)) => Some(Tag::Inbox(frame.connection, reply.clone())),
            _ => None,
        },
        Fields::Amqp(fields) => match [PUBLISH, DELIVER, GET_OK].contains(&frame.kind) {
            true => channel(frame, fields.channel, fields.delivery_tag?),
            false => None,
        },
        Fields::Kafka(fields) => {
            let asks = frame.way == Way::ToBroker;
            asks.then_some(Tag::Request(frame.connection, fields.correlation))
        }
        Fields::None => None,
    }
}

/// Numbers of what a client publishes and of what it gets are counted apart.
fn channel(frame: &Frame, channel: u16, tag: u64) -> Option<Tag> {
    let published = [PUBLISH, CONFIRM, REFUSE].contains(&frame.kind);
    Some(Tag::Channel {
        connection: frame.connection,
        channel,
        published,
        tag,
    })
}

/// Whether it is a number on this channel.
fn is_of(tag: &Tag, on: u32, number: u16) -> bool {
    matches!(tag, Tag::Channel { connection, channel, .. } if (*connection, *channel) == (on, number))
}

fn answers(frame: &Frame, tags: &BTreeSet<Tag>) -> bool {
    match &frame.fields {
        Fields::Nats(fields) => {
            let place = fields.stream.clone().zip(fields.sequence);
            let is_place = place.is_some_and(|(stream, sequence)| {
                frame.way == Way::ToBroker && tags.contains(&Tag::Sequence(stream, sequence))
            });
            is_place || tags.contains(&Tag::Inbox(frame.connection, fields.subject.clone()))
        }
        Fields::Amqp(fields) => {
            let Some(last) = fields.delivery_tag else {
                return false;
            };
            let own = |tag: u64| channel(frame, fields.channel, tag);
            // One acknowledgement may be for all before it, and 0 is then for all there are. Its
            // program chooses the number, so they are not counted up to it.
            let end = if fields.multiple && last == 0 {
                u64::MAX
            } else {
                last
            };
            match (own(0), own(end)) {
                (Some(first), Some(end)) if fields.multiple => {
                    tags.range(first..=end).next().is_some()
                }
                (_, Some(one)) => tags.contains(&one),
                _ => false,
            }
        }
        Fields::Kafka(fields) => tags.contains(&Tag::Request(frame.connection, fields.correlation)),
        Fields::None => false,
    }
}

#[cfg(test)]
mod tests {
    use wire::amqp::{self, ACK};
    use wire::{kafka, nats};

    use super::*;
    use crate::seen::tests::frame;

    fn about(frames: &[Frame]) -> Vec<usize> {
        places(frames, 3)
    }

    #[test]
    fn an_order_is_named_by_a_whole_word() {
        for text in [
            "o-3",
            "order.created o-3",
            "{\"order\":\"o-3\"}",
            "o-2, o-3",
        ] {
            assert!(orders(text.as_bytes()).contains(&3), "{text}");
        }
        for text in ["o-30", "go-3", "o-", "3", ""] {
            assert!(!orders(text.as_bytes()).contains(&3), "{text}");
        }
    }

    #[test]
    fn a_delivery_of_nats_goes_on_to_its_acknowledgement_and_a_message_to_its_answer() {
        let message = |kind,
                       way,
                       payload: &'static str,
                       sequence: Option<u64>,
                       subject: &str,
                       reply: &str| {
            let fields = nats::Fields {
                subject: subject.to_owned(),
                reply: Some(reply.to_owned()).filter(|reply| !reply.is_empty()),
                payload: payload.as_bytes().into(),
                stream: sequence.map(|_| "SHOP".to_owned()),
                sequence,
                ..nats::Fields::default()
            };
            frame(kind, way, 1, Fields::Nats(Box::new(fields)))
        };
        let (to, from) = (Way::ToBroker, Way::ToClient);
        assert_eq!(
            about(&[
                message(
                    nats::DELIVER,
                    from,
                    "o-3",
                    Some(7),
                    "payment.charge",
                    "$JS.ACK"
                ),
                message(
                    nats::DELIVER,
                    from,
                    "o-4",
                    Some(8),
                    "payment.charge",
                    "$JS.ACK"
                ),
                message(nats::ACK, to, "", Some(8), "$JS.ACK", ""),
                message(nats::PUB, to, "o-3", None, "payment.processed", "_INBOX.1"),
                message(nats::PUB_ACK, from, "", Some(9), "_INBOX.1", ""),
                message(nats::PUB_ACK, from, "", Some(7), "_INBOX.2", ""),
                message(nats::ACK, to, "", Some(7), "$JS.ACK", ""),
            ]),
            [0, 3, 4, 6]
        );
    }

    #[test]
    fn tags_of_amqp_belong_to_their_channel_and_may_be_multiple() {
        let method = |kind, connection, tag, payload: &'static str, multiple| {
            let fields = amqp::Fields {
                channel: 1,
                delivery_tag: Some(tag),
                payload: payload.as_bytes().into(),
                multiple,
                ..amqp::Fields::default()
            };
            frame(
                kind,
                Way::ToBroker,
                connection,
                Fields::Amqp(Box::new(fields)),
            )
        };
        assert_eq!(
            about(&[
                method(PUBLISH, 1, 2, "o-3", false),
                method(CONFIRM, 2, 2, "", false),
                method(CONFIRM, 1, 1, "", false),
                method(ACK, 1, 2, "", false),
                method(CONFIRM, 1, 4, "", true),
                method(DELIVER, 1, 5, "o-3", false),
                method(ACK, 1, 6, "", false),
                method(ACK, 1, 5, "", false),
                method(ACK, 1, 4, "", true),
                method(ACK, 1, 0, "", true),
                // Whatever number a program makes up, it is answered soon.
                method(ACK, 1, u64::MAX, "", true),
                method(ACK, 2, u64::MAX - 1, "", true),
            ]),
            [0, 4, 5, 7, 9, 10]
        );
    }

    #[test]
    fn tags_of_amqp_begin_anew_with_their_channel() {
        let method = |kind, channel, tag, payload: &'static str| {
            let fields = amqp::Fields {
                channel,
                delivery_tag: tag,
                payload: payload.as_bytes().into(),
                ..amqp::Fields::default()
            };
            frame(kind, Way::ToBroker, 1, Fields::Amqp(Box::new(fields)))
        };
        assert_eq!(
            about(&[
                method(DELIVER, 1, Some(5), "o-3"),
                method(CHANNEL_OPEN, 2, None, ""),
                method(ACK, 1, Some(5), ""),
                method(CHANNEL_OPEN, 1, None, ""),
                method(ACK, 1, Some(5), ""),
            ]),
            [0, 2]
        );
    }

    #[test]
    fn records_of_kafka_are_answered_by_number() {
        let request = |kind, way, connection, correlation, key: Option<&'static str>| {
            let kept = key.map(|key| kafka::Record {
                offset: 0,
                key: Some(key.as_bytes().into()),
                value: None,
            });
            let partition = kafka::Partition {
                kept: kept.into_iter().collect(),
                ..kafka::Partition::default()
            };
            let fields = kafka::Fields {
                correlation,
                partitions: vec![partition],
                ..kafka::Fields::default()
            };
            frame(kind, way, connection, Fields::Kafka(Box::new(fields)))
        };
        let (to, from) = (Way::ToBroker, Way::ToClient);
        assert_eq!(
            about(&[
                request(kafka::PRODUCE, to, 1, 5, Some("o-3")),
                request(kafka::PRODUCE, to, 2, 6, Some("o-4")),
                request(kafka::PRODUCED, from, 2, 5, None),
                request(kafka::PRODUCED, from, 1, 5, None),
                request(kafka::FETCHED, from, 3, 9, Some("o-3")),
                request(kafka::OFFSET_COMMIT, to, 3, 9, None),
            ]),
            [0, 3, 4]
        );
    }
}
