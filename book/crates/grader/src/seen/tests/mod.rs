#![allow(clippy::unwrap_used)]

use history::{Expect, History, check};
use wire::{Kind, Way, amqp, kafka, nats};

use super::*;
use kafka_frames::{of_kafka, records};

mod kafka_frames;

const TO: Way = Way::ToBroker;
const FROM: Way = Way::ToClient;

/// What the checker says of these frames; the nth comes after n seconds. All are of one program's
/// connections, which stay open: that is not asked for here.
fn found(frames: Vec<Frame>) -> Vec<String> {
    let connections: BTreeSet<u32> = frames.iter().map(|frame| frame.connection).collect();
    let last = Duration::from_secs(frames.len() as u64);
    let numbered = frames.into_iter().zip(0..);
    let frames: Vec<Frame> = numbered
        .map(|(frame, place)| Frame {
            at: Duration::from_secs(place),
            ..frame
        })
        .collect();
    let sessions: Vec<Session> = connections
        .into_iter()
        .map(|connection| Session {
            connection,
            opened: Duration::ZERO,
            closed: Some(last),
        })
        .collect();
    let worker = Run {
        lane: "payments".to_owned(),
        name: "payments".to_owned(),
        from: Duration::ZERO,
        to: None,
    };
    let mut history = History::new(Expect::exactly_once());
    history.extend(operations(&frames, &sessions, &[worker]));
    let anomalies = check(&history);
    anomalies
        .iter()
        .map(|it| format!("{}: {it}", it.name))
        .collect()
}

/// A frame that comes at once.
pub(crate) fn frame(kind: Kind, way: Way, connection: u32, fields: Fields) -> Frame {
    Frame {
        at: Duration::ZERO,
        connection,
        way,
        kind,
        fields,
    }
}

fn of_nats(kind: Kind, way: Way, fields: nats::Fields) -> Frame {
    frame(kind, way, 1, Fields::Nats(Box::new(fields)))
}

/// A delivery of o-`order` at the same sequence, or what is said about it.
fn charge(kind: Kind, way: Way, order: u64) -> Frame {
    of_nats(
        kind,
        way,
        nats::Fields {
            stream: Some("SHOP".to_owned()),
            consumer: Some("payments".to_owned()),
            sequence: Some(order),
            payload: format!("o-{order}").into(),
            ..nats::Fields::default()
        },
    )
}

fn result(order: u32) -> Frame {
    of_nats(
        nats::PUB,
        TO,
        nats::Fields {
            subject: "payment.processed".to_owned(),
            reply: Some(format!("_INBOX.{order}")),
            payload: format!("o-{order}").into(),
            ..nats::Fields::default()
        },
    )
}

fn stored(order: u32) -> Frame {
    of_nats(
        nats::PUB_ACK,
        FROM,
        nats::Fields {
            subject: format!("_INBOX.{order}"),
            stream: Some("SHOP".to_owned()),
            sequence: Some(u64::from(order) + 10),
            ..nats::Fields::default()
        },
    )
}

#[test]
fn on_nats_the_result_must_be_stored_before_the_acknowledgement() {
    let right = vec![
        charge(nats::DELIVER, FROM, 1),
        result(1),
        stored(1),
        charge(nats::ACK, TO, 1),
    ];
    assert_eq!(found(right), [""; 0]);
    let early = vec![
        charge(nats::DELIVER, FROM, 1),
        charge(nats::DELIVER, FROM, 2),
        result(1),
        charge(nats::ACK, TO, 1),
        stored(1),
        charge(nats::ACK, TO, 2),
    ];
    assert_eq!(
        found(early),
        [
            "ack-before-work: payments acknowledged o-1 at sequence 1 of SHOP at 3.000 s, before its \
             work was done (payments, 4.000 s)",
            "ack-before-work: payments acknowledged o-2 at sequence 2 of SHOP at 5.000 s, and its work \
             was never done",
        ]
    );
}

#[test]
fn on_nats_what_is_given_back_comes_again_and_is_done_once() {
    let again = vec![
        charge(nats::DELIVER, FROM, 1),
        charge(nats::NAK, TO, 1),
        charge(nats::DELIVER, FROM, 1),
        result(1),
        stored(1),
        charge(nats::NEXT, TO, 1),
    ];
    assert_eq!(found(again), [""; 0]);
}

#[test]
fn on_nats_a_result_that_is_stored_twice_is_a_duplicate_effect() {
    let mut twice = vec![charge(nats::DELIVER, FROM, 1)];
    twice.extend([result(1), stored(1), charge(nats::DELIVER, FROM, 1)]);
    let mut later = result(1);
    let Fields::Nats(fields) = &mut later.fields else {
        panic!("{later}");
    };
    fields.reply = Some("_INBOX.2".to_owned());
    twice.extend([later, stored(2), charge(nats::ACK, TO, 1)]);
    let found = found(twice);
    let effect = "duplicate-effect: the work of o-1 for payments was done twice: by payments at 2.000 s \
                  and by payments at 5.000 s";
    assert!(found.iter().any(|it| it == effect), "{found:?}");
}

#[test]
fn on_nats_a_result_that_the_stream_has_already_is_done_once() {
    let (mut later, mut known) = (result(1), stored(1));
    for frame in [&mut later, &mut known] {
        let Fields::Nats(fields) = &mut frame.fields else {
            panic!("{frame}");
        };
        if frame.kind == nats::PUB {
            fields.reply = Some("_INBOX.2".to_owned());
        } else {
            fields.subject = "_INBOX.2".to_owned();
            fields.duplicate = true;
        }
    }
    let all = vec![
        charge(nats::DELIVER, FROM, 1),
        result(1),
        stored(1),
        charge(nats::DELIVER, FROM, 1),
        later,
        known,
        charge(nats::ACK, TO, 1),
    ];
    assert_eq!(found(all), [""; 0]);
}

fn of_amqp(kind: Kind, way: Way, connection: u32, fields: amqp::Fields) -> Frame {
    let fields = amqp::Fields {
        channel: 1,
        ..fields
    };
    frame(kind, way, connection, Fields::Amqp(Box::new(fields)))
}

fn delivery(order: u64, no_ack: bool) -> Frame {
    of_amqp(
        amqp::DELIVER,
        FROM,
        1,
        amqp::Fields {
            queue: Some("payments.charge".to_owned()),
            delivery_tag: Some(order),
            payload: format!("o-{order}").into(),
            no_ack,
            ..amqp::Fields::default()
        },
    )
}

fn published(order: u64) -> Frame {
    of_amqp(
        amqp::PUBLISH,
        TO,
        2,
        amqp::Fields {
            delivery_tag: Some(order),
            payload: format!("o-{order}").into(),
            ..amqp::Fields::default()
        },
    )
}

fn tag(kind: Kind, way: Way, connection: u32, tag: u64, multiple: bool) -> Frame {
    of_amqp(
        kind,
        way,
        connection,
        amqp::Fields {
            delivery_tag: Some(tag),
            multiple,
            ..amqp::Fields::default()
        },
    )
}

#[test]
fn on_rabbitmq_one_acknowledgement_and_one_confirm_may_be_for_all_before_it() {
    let right = vec![
        delivery(1, false),
        delivery(2, false),
        published(1),
        published(2),
        tag(amqp::CONFIRM, FROM, 2, 2, true),
        tag(amqp::ACK, TO, 1, 2, true),
    ];
    assert_eq!(found(right), [""; 0]);
    let early = vec![
        delivery(1, false),
        delivery(2, false),
        published(2),
        tag(amqp::CONFIRM, FROM, 2, 2, false),
        tag(amqp::ACK, TO, 1, 2, true),
    ];
    assert_eq!(
        found(early),
        [
            "ack-before-work: payments acknowledged o-1 with delivery tag 1 of payments.charge at 4.000 s, \
             and its work was never done"
        ]
    );
}

#[test]
fn on_rabbitmq_a_result_that_is_refused_is_none() {
    let refused = vec![
        delivery(1, false),
        published(1),
        tag(amqp::REFUSE, FROM, 2, 1, false),
        tag(amqp::ACK, TO, 1, 1, false),
    ];
    assert_eq!(found(refused).len(), 1);
}

#[test]
fn on_rabbitmq_tags_begin_anew_with_their_channel() {
    let open = |connection| of_amqp(amqp::CHANNEL_OPEN, TO, connection, amqp::Fields::default());
    let right = vec![
        delivery(1, false),
        delivery(2, false),
        open(1),
        delivery(3, false),
        published(3),
        tag(amqp::CONFIRM, FROM, 2, 3, false),
        tag(amqp::ACK, TO, 1, 3, true),
    ];
    assert_eq!(found(right), [""; 0]);
    // The confirm is for the second of two messages with the number 1.
    let mut second = published(1);
    if let Fields::Amqp(fields) = &mut second.fields {
        fields.payload = "o-2".into();
    }
    let lost = vec![
        delivery(1, false),
        delivery(2, false),
        published(1),
        open(2),
        second,
        tag(amqp::CONFIRM, FROM, 2, 1, false),
        tag(amqp::ACK, TO, 1, 2, false),
    ];
    assert_eq!(found(lost.clone()), [""; 0]);
    let early = lost.into_iter().chain([tag(amqp::ACK, TO, 1, 1, false)]);
    let found = found(early.collect());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("ack-before-work: payments acknowledged o-1"),
        "{found:?}"
    );
}

#[test]
fn on_rabbitmq_a_delivery_without_acknowledgement_is_acknowledged_at_once() {
    let found = found(vec![
        delivery(1, true),
        published(1),
        tag(amqp::CONFIRM, FROM, 2, 1, false),
    ]);
    assert_eq!(
        found,
        [
            "ack-before-work: payments acknowledged o-1 with delivery tag 1 of payments.charge at 0.000 s, \
             before its work was done (payments, 2.000 s)"
        ]
    );
}

#[test]
fn a_refusal_may_leave_the_message_with_the_broker() {
    let at = Duration::ZERO;
    let published = |outcome: fn(Operation) -> Operation| {
        outcome(Operation::publish("connection 1", 1).during(at, at))
    };
    for (error, is) in [
        (20, published(Operation::unknown)),
        (7, published(Operation::unknown)),
        (10, published(Operation::failed)),
    ] {
        let mut answer = records("stock", 7, &[]);
        answer.partitions[0].error = error;
        let run = [
            of_kafka(kafka::PRODUCE, TO, 2, records("stock", 0, &[1])),
            of_kafka(kafka::PRODUCED, FROM, 2, answer),
        ];
        assert_eq!(operations(&run, &[], &[]), [is], "error {error}");
    }
}

#[test]
fn a_connection_belongs_to_the_one_program_that_ran_when_it_was_opened() {
    let at = Duration::from_secs;
    let run = |name: &str, from, to: Option<u64>| Run {
        lane: "payments".to_owned(),
        name: name.to_owned(),
        from: at(from),
        to: to.map(at),
    };
    let opened = |connection, opened| Session {
        connection,
        opened: at(opened),
        closed: None,
    };
    let runs = [run("payments", 0, Some(5)), run("payments 2", 6, None)];
    assert_eq!(process(&opened(1, 2), &runs), "payments");
    assert_eq!(process(&opened(2, 7), &runs), "payments 2");
    let both = [run("payments", 0, None), run("payments 2", 6, None)];
    assert_eq!(process(&opened(3, 7), &both), "connection 3");
}
