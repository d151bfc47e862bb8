//! Whatever comes, and in whatever pieces, the readers pass it on unchanged and do not panic.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::reader::{Protocol, Reader};
use crate::{Error, Kind, Way};

/// What a reader has made of what came.
#[derive(Debug, PartialEq, Eq)]
struct Passed {
    bytes: Vec<u8>,
    kinds: Vec<Kind>,
}

/// Gives a reader the bytes in pieces, and then their end.
fn feed(reader: &mut Reader, bytes: &[u8], cuts: &[Index]) -> Result<Passed, Error> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.push(bytes.len());
    cuts.sort_unstable();
    let mut passed = Passed {
        bytes: Vec::new(),
        kinds: Vec::new(),
    };
    let (mut buffer, mut start) = (BytesMut::new(), 0);
    for cut in cuts {
        buffer.extend_from_slice(&bytes[start..cut]);
        start = cut;
        while let Some(unit) = reader.next(&mut buffer)? {
            passed.bytes.extend_from_slice(&unit.bytes);
            passed.kinds.push(unit.kind);
        }
    }
    if let Some(unit) = reader.rest(&mut buffer) {
        passed.bytes.extend_from_slice(&unit.bytes);
        passed.kinds.push(unit.kind);
    }
    assert!(buffer.is_empty());
    Ok(passed)
}

fn reader(protocol: Protocol, way: Way) -> Reader {
    let (to_broker, to_client) = protocol.readers(&Arc::default());
    match way {
        Way::ToClient => to_client,
        _ => to_broker,
    }
}

fn cuts() -> impl Strategy<Value = Vec<Index>> {
    vec(any::<Index>(), 0..12)
}

fn ways() -> impl Strategy<Value = Way> {
    select(vec![Way::ToBroker, Way::ToClient])
}

/// Frames, some of whose bytes have become others, and whose end is missing.
fn broken(frames: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<Index>(), any::<u8>()), 0..4);
    (vec(frames, 1..6), changes, any::<Index>()).prop_map(|(frames, changes, end)| {
        let mut bytes = frames.concat();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(end.index(bytes.len()) + 1);
        bytes
    })
}

fn nats() -> impl Strategy<Value = Vec<u8>> {
    let line = select(vec![
        "PING\r\n",
        "pong\n",
        "+OK\r\n",
        "-ERR 'Slow Consumer'\r\n",
        "INFO {\"connect_urls\":[\"a:1\",7]}\r\n",
        "CONNECT {}\r\n",
        "SUB orders.* workers 9\r\n",
        "UNSUB 9 1\r\n",
        "JUMP high\r\n",
    ]);
    let head = select(vec![
        "PUB orders.created",
        "PUB orders.created _INBOX.1",
        "PUB $JS.ACK.ORDERS.payments.1.2.3.4.5",
        "PUB $JS.API.CONSUMER.MSG.NEXT.ORDERS.payments r",
        "MSG orders.created 9",
        "MSG orders.created 9 $JS.ACK.d.h.ORDERS.payments.1.2.3.4.5.t",
        "MSG _INBOX.1 9",
    ]);
    let payload = prop_oneof![
        vec(any::<u8>(), 0..40),
        select(vec![
            &b"+ACK"[..],
            b"-NAK {}",
            b"{\"stream\":\"ORDERS\",\"seq\":1}",
            b"{\"error\":{\"err_code\":1},\"stream\":\"ORDERS\",\"seq\":0}",
            b"{\"type\":\"io.nats.jetstream.api.v1.x\"}",
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    let headers = select(vec![
        None,
        Some("NATS/1.0 503\r\n\r\n"),
        Some("NATS/1.0\r\na: b\r\n\r\n"),
    ]);
    let message = (head, headers, payload).prop_map(|(head, headers, payload)| {
        let total = headers.map_or(0, str::len) + payload.len();
        let mut frame = match headers {
            Some(headers) => {
                let head = format!("H{head} {} {total}\r\n{headers}", headers.len());
                head.into_bytes()
            }
            None => format!("{head} {total}\r\n").into_bytes(),
        };
        frame.extend(payload);
        frame.extend(b"\r\n");
        frame
    });
    prop_oneof![line.prop_map(|line| line.as_bytes().to_vec()), message]
}

fn amqp_frame(of: u8, channel: u16, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![of];
    frame.put_u16(channel);
    frame.put_u32(u32::try_from(body.len()).unwrap());
    frame.put_slice(body);
    frame.put_u8(0xCE);
    frame
}

/// Methods without content, and messages in two bodies.
fn amqp(channels: impl Strategy<Value = u16>) -> impl Strategy<Value = Vec<u8>> {
    let class = select(vec![10_u16, 20, 40, 50, 60, 85, 99]);
    let number = select(vec![10_u16, 11, 20, 21, 30, 70, 80, 90, 120]);
    let alone = (class, number, vec(any::<u8>(), 0..30)).prop_map(|(class, method, rest)| {
        let mut body = class.to_be_bytes().to_vec();
        body.put_u16(method);
        body.put_slice(&rest);
        vec![(1, body)]
    });
    let message = (
        select(vec![40_u16, 50, 60, 71]),
        vec(any::<u8>(), 0..30),
        any::<u16>(),
        vec(any::<u8>(), 0..60),
        vec(any::<u8>(), 0..20),
        vec(any::<u8>(), 1..20),
    );
    let message = message.prop_map(|(method, arguments, flags, properties, one, two)| {
        let mut body = 60_u16.to_be_bytes().to_vec();
        body.put_u16(method);
        body.put_slice(&arguments);
        let mut header = vec![0, 60, 0, 0];
        header.put_u64((one.len() + two.len()) as u64);
        header.put_u16(flags);
        header.put_slice(&properties);
        vec![(1, body), (2, header), (3, one), (3, two)]
    });
    let beat = Just(vec![(8, Vec::new())]);
    (channels, prop_oneof![alone, message, beat]).prop_map(|(channel, frames)| {
        let frames = frames.iter();
        let frames = frames.map(|(of, body)| amqp_frame(*of, channel, body));
        frames.collect::<Vec<_>>().concat()
    })
}

/// A request of any API, with a body that makes sense or not.
fn kafka() -> impl Strategy<Value = Vec<u8>> {
    (0..95_i16, 0..20_i16, vec(any::<u8>(), 0..120)).prop_map(|(api, version, body)| {
        let mut frame = Vec::new();
        frame.put_i32(i32::try_from(body.len() + 8).unwrap());
        frame.put_i16(api);
        frame.put_i16(version);
        frame.put_i32(1);
        frame.put_slice(&body);
        frame
    })
}

proptest! {
    #[test]
    fn any_bytes_pass(bytes in vec(any::<u8>(), 0..300), cuts in cuts(), way in ways()) {
        for protocol in [Protocol::Nats, Protocol::Amqp] {
            let passed = feed(&mut reader(protocol, way), &bytes, &cuts).unwrap();
            prop_assert_eq!(&passed.bytes, &bytes);
        }
        // An answer that says that it is too long is told.
        if let Ok(passed) = feed(&mut reader(Protocol::Kafka, way), &bytes, &cuts) {
            prop_assert_eq!(&passed.bytes, &bytes);
        }
    }

    #[test]
    fn broken_operations_of_nats_pass(bytes in broken(nats()), cuts in cuts(), way in ways()) {
        let passed = feed(&mut reader(Protocol::Nats, way), &bytes, &cuts).unwrap();
        prop_assert_eq!(passed.bytes, bytes);
    }

    #[test]
    fn operations_are_found_whole(frames in vec(nats(), 1..8), cuts in cuts(), way in ways()) {
        let bytes = frames.concat();
        let passed = feed(&mut reader(Protocol::Nats, way), &bytes, &cuts).unwrap();
        prop_assert_eq!(passed.kinds.len(), frames.len());
        prop_assert_eq!(passed.bytes, bytes);
    }

    #[test]
    fn broken_methods_of_amqp_pass(bytes in broken(amqp(Just(1))), cuts in cuts(), way in ways()) {
        let passed = feed(&mut reader(Protocol::Amqp, way), &bytes, &cuts).unwrap();
        // A byte that has changed may be the channel's: then one frame may overtake another.
        let (mut ours, mut theirs) = (passed.bytes, bytes);
        ours.sort_unstable();
        theirs.sort_unstable();
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn methods_are_found_whole(frames in vec(amqp(1..4_u16), 1..8), cuts in cuts(), way in ways()) {
        let bytes = frames.concat();
        let passed = feed(&mut reader(Protocol::Amqp, way), &bytes, &cuts).unwrap();
        prop_assert_eq!(passed.kinds.len(), frames.len());
        prop_assert_eq!(passed.bytes, bytes);
    }

    #[test]
    fn broken_requests_of_kafka_pass(bytes in broken(kafka()), cuts in cuts()) {
        let mut reader = reader(Protocol::Kafka, Way::ToBroker);
        let passed = feed(&mut reader, &bytes, &cuts).unwrap();
        prop_assert_eq!(passed.bytes, bytes);
    }

    /// Each request is answered with the next one's bytes: no answer makes sense, or hardly one.
    #[test]
    fn broken_answers_of_kafka_pass_or_are_told(frames in vec(kafka(), 1..8), cuts in cuts()) {
        let (mut to_broker, mut to_client) = Protocol::Kafka.readers(&Arc::default());
        for request in &frames {
            feed(&mut to_broker, request, &[]).unwrap();
            let mut answer = Vec::new();
            answer.put_i32(i32::try_from(request.len()).unwrap());
            answer.put_i32(1);
            answer.extend_from_slice(&request[4..]);
            match feed(&mut to_client, &answer, &cuts) {
                Ok(passed) => prop_assert_eq!(passed.bytes, answer),
                Err(Error::Answer { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}
