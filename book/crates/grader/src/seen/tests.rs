#![allow(clippy::unwrap_used)]

use history::{Expect, History, check};
use wire::{Kind, Way, amqp, kafka, nats};

use super::*;

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

fn frame(kind: Kind, way: Way, connection: u32, fields: Fields) -> Frame {
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

fn of_kafka(kind: Kind, way: Way, correlation: i32, fields: kafka::Fields) -> Frame {
    let fields = kafka::Fields {
        correlation,
        ..fields
    };
    frame(kind, way, 1, Fields::Kafka(Box::new(fields)))
}

/// Records of a topic, from this offset on.
fn records(topic: &str, offset: i64, orders: &[u32]) -> kafka::Fields {
    let kept = orders.iter().zip(offset..).map(|(order, offset)| {
        let key = Some(format!("o-{order}").into());
        kafka::Record {
            offset,
            key,
            value: None,
        }
    });
    kafka::Fields {
        partitions: vec![kafka::Partition {
            topic: topic.to_owned(),
            offset: Some(offset),
            kept: kept.collect(),
            ..kafka::Partition::default()
        }],
        ..kafka::Fields::default()
    }
}

fn commit(next: i64) -> Frame {
    let fields = kafka::Fields {
        group: Some("inventory".to_owned()),
        ..records("orders", next, &[])
    };
    of_kafka(kafka::OFFSET_COMMIT, TO, 90, fields)
}

#[test]
fn on_kafka_a_commit_must_not_go_past_what_is_not_stored() {
    let fetched = || of_kafka(kafka::FETCHED, FROM, 1, records("orders", 0, &[1, 2]));
    let sent = || of_kafka(kafka::PRODUCE, TO, 2, records("stock", 0, &[1, 2]));
    let answer = || of_kafka(kafka::PRODUCED, FROM, 2, records("stock", 7, &[]));
    let committed = || of_kafka(kafka::OFFSET_COMMITTED, FROM, 90, kafka::Fields::default());
    let right = vec![fetched(), sent(), answer(), commit(2), committed()];
    assert_eq!(found(right), [""; 0]);
    let early = vec![fetched(), sent(), commit(2), committed(), answer()];
    assert_eq!(
        found(early),
        [
            "commit-before-work: payments committed offset 2 of orders/0 for inventory at 2.000 s: past \
             o-1 at offset 0 of orders/0 (payments, 0.000 s) and 1 more, before its work was done (payments, 4.000 s)"
        ]
    );
}

#[test]
fn on_kafka_a_commit_within_a_transaction_comes_with_its_work() {
    let within = |fields| kafka::Fields {
        transactional_id: Some("inventory-1".to_owned()),
        ..fields
    };
    let ends = within(kafka::Fields {
        committed: Some(true),
        ..kafka::Fields::default()
    });
    let next = kafka::Fields {
        group: Some("inventory".to_owned()),
        ..records("orders", 1, &[])
    };
    let right = vec![
        of_kafka(kafka::FETCHED, FROM, 1, records("orders", 0, &[1])),
        of_kafka(kafka::PRODUCE, TO, 2, within(records("stock", 0, &[1]))),
        of_kafka(kafka::PRODUCED, FROM, 2, records("stock", 7, &[])),
        of_kafka(kafka::TXN_OFFSET_COMMIT, TO, 3, within(next)),
        of_kafka(
            kafka::answer(kafka::ApiKey::TxnOffsetCommit),
            FROM,
            3,
            kafka::Fields::default(),
        ),
        of_kafka(kafka::END_TXN, TO, 4, ends),
        of_kafka(kafka::TXN_ENDED, FROM, 4, kafka::Fields::default()),
    ];
    assert_eq!(found(right), [""; 0]);
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
