//! ch04-kafka-transactions: what is visible when, what holds readers up, and who is fenced.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, Producer};
use rdkafka::{Offset, TopicPartitionList};
use tokio::task::spawn_blocking;

use super::group::{PARTITION, body, fill, member, reader, settings};
use super::topic::{LONG, Settings, Topic, shared, stored};

/// What a transaction comes to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Commit,
    Abort,
    Open,
}

/// A producer of transactions, which has taken over from others of this id.
async fn transactional(topic: &Topic, id: &str, more: Settings<'_>) -> FutureProducer {
    let mut config = topic.config(&[("partitioner", "murmur2_random")]);
    config.set("transactional.id", format!("{id}.{}", topic.name));
    for (key, value) in more {
        config.set(*key, *value);
    }
    let producer: FutureProducer = config.create().unwrap();
    ask(&producer, |producer| producer.init_transactions(LONG))
        .await
        .unwrap();
    producer
}

/// Asks something that waits for Kafka.
async fn ask<T: Send + 'static>(
    producer: &FutureProducer,
    question: impl FnOnce(&FutureProducer) -> T + Send + 'static,
) -> T {
    let producer = producer.clone();
    spawn_blocking(move || question(&producer)).await.unwrap()
}

async fn commit(producer: &FutureProducer) -> KafkaResult<()> {
    ask(producer, |producer| producer.commit_transaction(LONG)).await
}

async fn abort(producer: &FutureProducer) -> KafkaResult<()> {
    ask(producer, |producer| producer.abort_transaction(LONG)).await
}

/// Returns when the log ends here, behind the end of a transaction that is decided: Kafka answers
/// before it writes that.
async fn until_end(topic: &Topic, end: i64) {
    let config = topic.config(&[("isolation.level", "read_uncommitted")]);
    let name = topic.name.clone();
    let comes = move || {
        let client: BaseConsumer = config.create().unwrap();
        let begun = Instant::now();
        while client.fetch_watermarks(&name, PARTITION, LONG).unwrap().1 < end {
            assert!(begun.elapsed() < LONG, "{name} does not come to {end}");
        }
    };
    spawn_blocking(comes).await.unwrap();
}

/// Stores a record in a new transaction and ends that.
async fn transact(topic: &Topic, producer: &FutureProducer, body: &str, end: End) {
    producer.begin_transaction().unwrap();
    let place = stored(topic.send(producer, "o-1", body)).await;
    match end {
        End::Commit => commit(producer).await.unwrap(),
        End::Abort => abort(producer).await.unwrap(),
        End::Open => return,
    }
    // The record, and the end of its transaction.
    until_end(topic, place.offset + 2).await;
}

/// What a reader gets up to the end, as it sees it.
async fn visible(topic: &Topic, isolation: &str) -> Vec<String> {
    let consumer = reader(topic, &[("isolation.level", isolation)]);
    let mut bodies = Vec::new();
    while let Some(body) = body(&consumer).await {
        bodies.push(body);
    }
    bodies
}

/// Adds the offset behind the first order to the transaction.
async fn read_first(
    topic: &Topic,
    producer: &FutureProducer,
    consumer: &Arc<StreamConsumer>,
) -> KafkaResult<()> {
    let mut offsets = TopicPartitionList::new();
    let next = Offset::Offset(1);
    offsets
        .add_partition_offset(&topic.name, PARTITION, next)
        .unwrap();
    let group = consumer.group_metadata().unwrap();
    let add = move |producer: &FutureProducer| {
        producer.send_offsets_to_transaction(&offsets, &group, LONG)
    };
    ask(producer, add).await
}

/// What the group has committed, for a client of this isolation that waits for so long.
async fn committed(topic: &Topic, isolation: &str, wait: Duration) -> KafkaResult<Offset> {
    let client: StreamConsumer = settings(topic, &[("isolation.level", isolation)])
        .create()
        .unwrap();
    let name = topic.name.clone();
    let ask = move || {
        let mut place = TopicPartitionList::new();
        place.add_partition(&name, PARTITION);
        let told = client.committed_offsets(place, wait)?;
        Ok(told.find_partition(&name, PARTITION).unwrap().offset())
    };
    spawn_blocking(ask).await.unwrap()
}

async fn topic() -> Topic {
    Topic::new(shared().await, &[]).await
}

/// claim: kafka.transaction.aborted
#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_record_is_in_the_log_and_not_read() {
    let topic = topic().await;
    let producer = transactional(&topic, "payments", &[]).await;
    transact(&topic, &producer, "o-1", End::Abort).await;
    transact(&topic, &producer, "o-2", End::Commit).await;
    assert_eq!(visible(&topic, "read_committed").await, ["o-2"]);
}

/// claim: kafka.transaction.aborted
#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_record_is_in_the_log_and_not_read_contrast() {
    let topic = topic().await;
    let producer = transactional(&topic, "payments", &[]).await;
    transact(&topic, &producer, "o-1", End::Abort).await;
    transact(&topic, &producer, "o-2", End::Commit).await;
    assert_eq!(visible(&topic, "read_uncommitted").await, ["o-1", "o-2"]);
}

/// What a reader of two partitions gets, up to their ends, of a transaction that is committed, and wrote
/// o-1 to the first and o-2 to the second. Another transaction is open in this partition.
async fn of_both(open: i32) -> Vec<String> {
    let topic = topic().await;
    let partitions = [PARTITION, PARTITION + 1];
    let other = transactional(&topic, "accounting", &[]).await;
    other.begin_transaction().unwrap();
    stored(topic.send_to(&other, open, "o-9")).await;
    let producer = transactional(&topic, "payments", &[]).await;
    producer.begin_transaction().unwrap();
    for (partition, body) in partitions.into_iter().zip(["o-1", "o-2"]) {
        stored(topic.send_to(&producer, partition, body)).await;
    }
    commit(&producer).await.unwrap();
    // Kafka takes nothing of the producer's next transaction before this one is over in each partition.
    transact(&topic, &producer, "o-3", End::Abort).await;
    let isolation = [("isolation.level", "read_committed")];
    let consumer: StreamConsumer = settings(&topic, &isolation).create().unwrap();
    let mut places = TopicPartitionList::new();
    for partition in partitions {
        places.add_partition(&topic.name, partition);
    }
    consumer.assign(&places).unwrap();
    let (mut got, mut ends) = (Vec::new(), 0);
    while ends < partitions.len() {
        match body(&consumer).await {
            Some(order) => got.push(order),
            None => ends += 1,
        }
    }
    got.sort();
    got
}

/// claim: kafka.transaction.in-parts
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_holds_up_its_part_of_a_transaction() {
    assert_eq!(of_both(PARTITION + 1).await, ["o-1"]);
}

/// claim: kafka.transaction.in-parts
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_holds_up_its_part_of_a_transaction_contrast() {
    assert_eq!(of_both(PARTITION + 2).await, ["o-1", "o-2"]);
}

/// The position of the group after a transaction that was to move it to 1.
async fn moved(end: End) -> Offset {
    let topic = topic().await;
    fill(&topic, &["o-1", "o-2"]).await;
    let producer = transactional(&topic, "payments", &[]).await;
    producer.begin_transaction().unwrap();
    let consumer = reader(&topic, &[]);
    read_first(&topic, &producer, &consumer).await.unwrap();
    match end {
        End::Commit => commit(&producer).await.unwrap(),
        _ => abort(&producer).await.unwrap(),
    }
    committed(&topic, "read_committed", LONG).await.unwrap()
}

/// claim: kafka.transaction.offsets
#[tokio::test(flavor = "multi_thread")]
async fn the_position_moves_with_the_transaction() {
    assert_eq!(moved(End::Commit).await, Offset::Offset(1));
}

/// claim: kafka.transaction.offsets
#[tokio::test(flavor = "multi_thread")]
async fn the_position_moves_with_the_transaction_contrast() {
    assert_eq!(moved(End::Abort).await, Offset::Invalid);
}

/// How often a payment is there after a worker wrote it, died before its commit, and another worker
/// of the group took over.
async fn payments(in_transaction: bool) -> usize {
    let (orders, payments) = (topic().await, topic().await);
    fill(&orders, &["o-1"]).await;
    for end in [End::Open, End::Commit] {
        let consumer = reader(&orders, &[]);
        let order = body(&consumer).await.unwrap();
        if in_transaction {
            let producer = transactional(&payments, "payments", &[]).await;
            transact(&payments, &producer, &order, end).await;
        } else {
            let producer = payments.producer(&[("partitioner", "murmur2_random")]);
            stored(payments.send(&producer, "o-1", &order)).await;
        }
    }
    visible(&payments, "read_committed").await.len()
}

/// claim: kafka.two-steps.twice
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_between_two_steps_pays_twice() {
    assert_eq!(payments(false).await, 2);
}

/// claim: kafka.two-steps.twice
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_between_two_steps_pays_twice_contrast() {
    assert_eq!(payments(true).await, 1);
}

/// What the old producer hears when it commits after a new one of this id has come, and what can be
/// read then.
async fn after_takeover(id: &str) -> (KafkaResult<()>, Vec<String>) {
    let topic = topic().await;
    let old = transactional(&topic, "payments", &[]).await;
    transact(&topic, &old, "o-1", End::Open).await;
    let new = transactional(&topic, id, &[]).await;
    transact(&topic, &new, "o-2", End::Commit).await;
    let seen = visible(&topic, "read_committed").await;
    (commit(&old).await, seen)
}

fn is_fenced(outcome: &KafkaResult<()>) -> bool {
    match outcome {
        Err(KafkaError::Transaction(error)) => {
            error.is_fatal() && error.code() == RDKafkaErrorCode::Fenced
        }
        _ => false,
    }
}

/// claim: kafka.transaction.fenced
/// claim: kafka.transaction.init-aborts
#[tokio::test(flavor = "multi_thread")]
async fn a_new_producer_of_the_id_fences_the_old_one() {
    let (outcome, seen) = after_takeover("payments").await;
    assert!(is_fenced(&outcome), "{outcome:?}");
    // What the old one left open is aborted, and no longer in the way.
    assert_eq!(seen, ["o-2"]);
}

/// claim: kafka.transaction.fenced
/// claim: kafka.transaction.init-aborts
#[tokio::test(flavor = "multi_thread")]
async fn a_new_producer_of_the_id_fences_the_old_one_contrast() {
    let (outcome, seen) = after_takeover("accounting").await;
    assert_eq!(outcome, Ok(()));
    assert_eq!(seen, [""; 0]);
}

/// What is read of three records that are stored, without a transaction, behind an open one.
async fn behind_an_open_one(isolation: &str) -> Vec<String> {
    let topic = topic().await;
    let producer = transactional(&topic, "payments", &[]).await;
    transact(&topic, &producer, "o-1", End::Open).await;
    fill(&topic, &["o-2", "o-3", "o-4"]).await;
    visible(&topic, isolation).await
}

/// claim: kafka.transaction.holds
#[tokio::test(flavor = "multi_thread")]
async fn an_open_transaction_holds_up_what_comes_after_it() {
    assert_eq!(behind_an_open_one("read_committed").await, [""; 0]);
}

/// claim: kafka.transaction.holds
#[tokio::test(flavor = "multi_thread")]
async fn an_open_transaction_holds_up_what_comes_after_it_contrast() {
    let all = ["o-1", "o-2", "o-3", "o-4"];
    assert_eq!(behind_an_open_one("read_uncommitted").await, all);
}

/// What a producer hears that commits when a record behind its transaction has been read, or at once.
async fn at_last(timeout: &str, late: bool) -> KafkaResult<()> {
    let topic = topic().await;
    let settings = [("transaction.timeout.ms", timeout)];
    let producer = transactional(&topic, "payments", &settings).await;
    transact(&topic, &producer, "o-1", End::Open).await;
    fill(&topic, &["o-2"]).await;
    if late {
        let consumer = reader(&topic, &[("enable.partition.eof", "false")]);
        assert_eq!(body(&consumer).await.as_deref(), Some("o-2"));
    }
    commit(&producer).await
}

/// claim: kafka.transaction.timeout
#[tokio::test(flavor = "multi_thread")]
async fn kafka_ends_a_transaction_that_takes_too_long() {
    // Long enough for a busy machine to store the record: the client gives it up by this limit, too.
    let outcome = at_last("5000", true).await;
    assert!(is_fenced(&outcome), "{outcome:?}");
}

/// claim: kafka.transaction.timeout
#[tokio::test(flavor = "multi_thread")]
async fn kafka_ends_a_transaction_that_takes_too_long_contrast() {
    assert_eq!(at_last("60000", false).await, Ok(()));
}

/// claim: kafka.transaction.marker
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_transaction_takes_an_offset() {
    let topic = topic().await;
    let producer = transactional(&topic, "payments", &[]).await;
    transact(&topic, &producer, "o-1", End::Commit).await;
    producer.begin_transaction().unwrap();
    assert_eq!(stored(topic.send(&producer, "o-1", "o-2")).await.offset, 2);
}

/// claim: kafka.transaction.marker
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_transaction_takes_an_offset_contrast() {
    let topic = topic().await;
    fill(&topic, &["o-1"]).await;
    let producer = topic.producer(&[("partitioner", "murmur2_random")]);
    assert_eq!(stored(topic.send(&producer, "o-1", "o-2")).await.offset, 1);
}

/// What the group's position is while a transaction is to move it.
async fn position_in_between(isolation: &str, wait: Duration) -> KafkaResult<Offset> {
    let topic = topic().await;
    fill(&topic, &["o-1", "o-2"]).await;
    let producer = transactional(&topic, "payments", &[]).await;
    producer.begin_transaction().unwrap();
    let consumer = reader(&topic, &[]);
    read_first(&topic, &producer, &consumer).await.unwrap();
    committed(&topic, isolation, wait).await
}

/// claim: kafka.transaction.position-waits
#[tokio::test(flavor = "multi_thread")]
async fn a_position_in_an_open_transaction_is_not_told() {
    let told = position_in_between("read_committed", Duration::from_secs(1)).await;
    let code = told.unwrap_err().rdkafka_error_code();
    assert_eq!(code, Some(RDKafkaErrorCode::OperationTimedOut));
}

/// claim: kafka.transaction.position-waits
#[tokio::test(flavor = "multi_thread")]
async fn a_position_in_an_open_transaction_is_not_told_contrast() {
    let told = position_in_between("read_uncommitted", LONG).await;
    assert_eq!(told, Ok(Offset::Invalid));
}

/// What the first consumer's producer hears when it adds its position to a transaction, after another
/// consumer may have taken its place in the group. The producers have ids of their own.
async fn added(place_taken: bool) -> KafkaResult<()> {
    let topic = topic().await;
    fill(&topic, &["o-1", "o-2"]).await;
    let place = [
        ("group.instance.id", "payments-0"),
        ("enable.partition.eof", "false"),
    ];
    let old = member(&topic, &place);
    assert_eq!(body(&old).await.as_deref(), Some("o-1"));
    let producer = transactional(&topic, "payments", &[]).await;
    producer.begin_transaction().unwrap();
    let new = place_taken.then(|| member(&topic, &place));
    if let Some(new) = &new {
        assert_eq!(body(new).await.as_deref(), Some("o-1"));
    }
    read_first(&topic, &producer, &old).await
}

/// claim: kafka.transaction.group-fenced
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_has_lost_its_place_moves_nothing() {
    let error = added(true).await.unwrap_err();
    let code = error.rdkafka_error_code();
    assert_eq!(code, Some(RDKafkaErrorCode::FencedInstanceId), "{error}");
}

/// claim: kafka.transaction.group-fenced
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_has_lost_its_place_moves_nothing_contrast() {
    assert_eq!(added(false).await, Ok(()));
}

/// The order that a consumer gets after an abort, if it goes back or not.
async fn after_an_abort(goes_back: bool) -> Option<String> {
    let topic = topic().await;
    fill(&topic, &["o-1", "o-2"]).await;
    let consumer = reader(&topic, &[]);
    assert_eq!(body(&consumer).await.as_deref(), Some("o-1"));
    let producer = transactional(&topic, "payments", &[]).await;
    producer.begin_transaction().unwrap();
    read_first(&topic, &producer, &consumer).await.unwrap();
    abort(&producer).await.unwrap();
    if goes_back {
        let (consumer, name) = (consumer.clone(), topic.name.clone());
        let seek = move || consumer.seek(&name, PARTITION, Offset::Offset(0), LONG);
        spawn_blocking(seek).await.unwrap().unwrap();
    }
    body(&consumer).await
}

/// claim: kafka.transaction.abort-reads-on
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_reads_on_after_an_abort() {
    assert_eq!(after_an_abort(false).await.as_deref(), Some("o-2"));
}

/// claim: kafka.transaction.abort-reads-on
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_reads_on_after_an_abort_contrast() {
    assert_eq!(after_an_abort(true).await.as_deref(), Some("o-1"));
}
