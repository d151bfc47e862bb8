//! What Kafka's frames tell.

use super::*;

pub fn of_kafka(kind: Kind, way: Way, correlation: i32, fields: kafka::Fields) -> Frame {
    let fields = kafka::Fields {
        correlation,
        ..fields
    };
    frame(kind, way, 1, Fields::Kafka(Box::new(fields)))
}

/// Records of a topic, from this offset on.
pub fn records(topic: &str, offset: i64, orders: &[u32]) -> kafka::Fields {
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
fn on_kafka_a_commit_is_not_judged_where_results_are_not_all_on_record() {
    let run = |count| {
        let mut results = records("stock", 0, &[1]);
        results.partitions[0].records = count;
        vec![
            of_kafka(kafka::FETCHED, FROM, 1, records("orders", 0, &[1, 2])),
            of_kafka(kafka::PRODUCE, TO, 2, results),
            of_kafka(kafka::PRODUCED, FROM, 2, records("stock", 7, &[])),
            commit(2),
            of_kafka(kafka::OFFSET_COMMITTED, FROM, 90, kafka::Fields::default()),
        ]
    };
    assert_eq!(found(run(2)), [""; 0]);
    assert_eq!(found(run(1)).len(), 1, "o-2 is not done");
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

/// An answer that is about the whole request.
fn answered(kind: Kind, correlation: i32, error: i16) -> Frame {
    let fields = kafka::Fields {
        error,
        ..kafka::Fields::default()
    };
    of_kafka(kind, FROM, correlation, fields)
}

#[test]
fn on_kafka_a_commit_of_a_transaction_may_be_asked_for_again() {
    let within = |fields| kafka::Fields {
        transactional_id: Some("inventory-1".to_owned()),
        ..fields
    };
    let end = |correlation| {
        let fields = kafka::Fields {
            committed: Some(true),
            ..kafka::Fields::default()
        };
        of_kafka(kafka::END_TXN, TO, correlation, within(fields))
    };
    let next = kafka::Fields {
        group: Some("inventory".to_owned()),
        ..records("orders", 1, &[])
    };
    let run = vec![
        of_kafka(kafka::FETCHED, FROM, 1, records("orders", 0, &[1])),
        of_kafka(kafka::PRODUCE, TO, 2, within(records("stock", 0, &[1]))),
        of_kafka(kafka::PRODUCED, FROM, 2, records("stock", 7, &[])),
        of_kafka(kafka::TXN_OFFSET_COMMIT, TO, 3, within(next)),
        answered(kafka::answer(kafka::ApiKey::TxnOffsetCommit), 3, 0),
        end(4),
        answered(kafka::TXN_ENDED, 4, 51),
        end(5),
        answered(kafka::TXN_ENDED, 5, 0),
    ];
    let at = Duration::ZERO;
    let asked = Operation::commit_transaction("connection 1", 1).during(at, at);
    let history = operations(&run, &[], &[]);
    let commits = history
        .iter()
        .filter(|it| it.kind() == history::Kind::CommitTransaction);
    let commits: Vec<&Operation> = commits.collect();
    assert_eq!(commits, [&asked.clone().failed(), &asked]);
    assert_eq!(found(run), [""; 0]);
}
