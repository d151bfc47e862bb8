//! ch04-kafka-lag: what the lag of a group counts, and what it does not.

use std::collections::HashMap;
use std::sync::Arc;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer, StreamConsumer};
use rdkafka::producer::{FutureProducer, Producer};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::group::{PARTITION, body, commit, committed, fill, leave, reader, settings};
use super::topic::{LONG, Settings, Topic, shared, stored};

async fn topic() -> Topic {
    Topic::new(shared().await, &[]).await
}

/// The end of the log, as a client with these settings sees it.
async fn end(topic: &Topic, more: Settings<'_>) -> i64 {
    let (config, name) = (settings(topic, more), topic.name.clone());
    let ask = move || {
        let client: BaseConsumer = config.create().unwrap();
        client.fetch_watermarks(&name, PARTITION, LONG).unwrap().1
    };
    spawn_blocking(ask).await.unwrap()
}

/// The group's lag; none where it has committed nothing.
async fn lag(topic: &Topic) -> Option<i64> {
    let end = end(topic, &[]).await;
    committed(topic).await.map(|next| end - next)
}

/// A consumer that has got this many orders.
async fn got(topic: &Topic, count: usize) -> Arc<StreamConsumer> {
    let consumer = reader(topic, &[]);
    for _ in 0..count {
        assert!(body(&consumer).await.is_some());
    }
    consumer
}

/// claim: kafka.lag.computed
#[tokio::test(flavor = "multi_thread")]
async fn lag_is_the_end_less_what_is_committed() {
    let topic = topic().await;
    fill(&topic, &["o-1", "o-2", "o-3"]).await;
    let consumer = got(&topic, 3).await;
    commit(&consumer, &topic, 1).await.unwrap();
    assert_eq!(lag(&topic).await, Some(2));
    fill(&topic, &["o-4"]).await;
    assert_eq!(lag(&topic).await, Some(3));
}

/// claim: kafka.lag.computed
#[tokio::test(flavor = "multi_thread")]
async fn lag_is_the_end_less_what_is_committed_contrast() {
    let topic = topic().await;
    fill(&topic, &["o-1", "o-2", "o-3"]).await;
    let consumer = got(&topic, 3).await;
    commit(&consumer, &topic, 3).await.unwrap();
    assert_eq!(lag(&topic).await, Some(0));
}

/// The lag of a group whose consumer has taken three orders into its own queue, has done none, and
/// has committed this; and what its next consumer gets.
async fn with_a_queue_of_its_own(next: i64) -> (Option<i64>, Option<String>) {
    let topic = topic().await;
    fill(&topic, &["o-1", "o-2", "o-3"]).await;
    let consumer = got(&topic, 3).await;
    commit(&consumer, &topic, next).await.unwrap();
    let lag = lag(&topic).await;
    // Its queue is gone with it.
    leave(consumer).await;
    (lag, body(&reader(&topic, &[])).await)
}

/// claim: kafka.lag.taken
#[tokio::test(flavor = "multi_thread")]
async fn lag_counts_nothing_that_was_committed_when_it_was_taken() {
    assert_eq!(with_a_queue_of_its_own(3).await, (Some(0), None));
}

/// claim: kafka.lag.taken
#[tokio::test(flavor = "multi_thread")]
async fn lag_counts_nothing_that_was_committed_when_it_was_taken_contrast() {
    let first = Some("o-1".to_owned());
    assert_eq!(with_a_queue_of_its_own(0).await, (Some(3), first));
}

/// The consumer's position after it has got three orders and committed this, and the group's lag.
async fn position(next: i64) -> (i64, Option<i64>) {
    let topic = topic().await;
    fill(&topic, &["o-1", "o-2", "o-3"]).await;
    let consumer = got(&topic, 3).await;
    commit(&consumer, &topic, next).await.unwrap();
    let told = consumer.position().unwrap();
    let told = told
        .find_partition(&topic.name, PARTITION)
        .unwrap()
        .offset();
    (told.to_raw().unwrap(), lag(&topic).await)
}

/// claim: kafka.lag.position
#[tokio::test(flavor = "multi_thread")]
async fn the_position_runs_ahead_of_what_is_committed() {
    assert_eq!(position(1).await, (3, Some(2)));
}

/// claim: kafka.lag.position
#[tokio::test(flavor = "multi_thread")]
async fn the_position_runs_ahead_of_what_is_committed_contrast() {
    assert_eq!(position(3).await, (3, Some(0)));
}

/// claim: kafka.lag.nobody
#[tokio::test(flavor = "multi_thread")]
async fn lag_grows_where_nobody_reads() {
    let topic = topic().await;
    fill(&topic, &["o-1"]).await;
    let consumer = got(&topic, 1).await;
    commit(&consumer, &topic, 1).await.unwrap();
    leave(consumer).await;
    fill(&topic, &["o-2", "o-3"]).await;
    assert_eq!(lag(&topic).await, Some(2));
}

/// claim: kafka.lag.nobody
/// claim: kafka.lag.never-committed
#[tokio::test(flavor = "multi_thread")]
async fn lag_grows_where_nobody_reads_contrast() {
    let topic = topic().await;
    fill(&topic, &["o-1", "o-2", "o-3"]).await;
    let consumer = got(&topic, 3).await;
    commit(&consumer, &topic, 3).await.unwrap();
    assert_eq!(lag(&topic).await, Some(0));
}

/// claim: kafka.lag.never-committed
#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_never_committed_has_no_lag() {
    let topic = topic().await;
    fill(&topic, &["o-1", "o-2", "o-3"]).await;
    let _consumer = got(&topic, 3).await;
    assert_eq!(lag(&topic).await, None);
}

/// A producer with an open transaction in which it has sent this.
async fn transaction(topic: &Topic, bodies: &[&str]) -> FutureProducer {
    let id = format!("orders.{}", topic.name);
    let producer = topic.producer(&[("transactional.id", id.as_str())]);
    let begins = producer.clone();
    let begin = move || {
        begins.init_transactions(LONG).unwrap();
        begins.begin_transaction().unwrap();
    };
    spawn_blocking(begin).await.unwrap();
    for body in bodies {
        stored(topic.send_to(&producer, PARTITION, body)).await;
    }
    producer
}

async fn commits(producer: FutureProducer) {
    let commit = move || producer.commit_transaction(LONG).unwrap();
    spawn_blocking(commit).await.unwrap();
}

/// claim: kafka.lag.marker
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_transaction_counts_as_one() {
    let topic = topic().await;
    commits(transaction(&topic, &["o-1", "o-2"]).await).await;
    // Kafka says that it is committed before its end is in the log.
    let ends = async { while end(&topic, &[]).await != 3 {} };
    timeout(LONG, ends).await.unwrap();
    let consumer = got(&topic, 2).await;
    // The offset behind the last order, as everybody commits it.
    commit(&consumer, &topic, 2).await.unwrap();
    assert_eq!(lag(&topic).await, Some(1));
}

/// claim: kafka.lag.marker
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_transaction_counts_as_one_contrast() {
    let topic = topic().await;
    fill(&topic, &["o-1", "o-2"]).await;
    let consumer = got(&topic, 2).await;
    commit(&consumer, &topic, 2).await.unwrap();
    assert_eq!(lag(&topic).await, Some(0));
}

/// Where the log ends with two orders in a transaction that is still open.
async fn end_with_open_transaction(isolation: &str) -> i64 {
    let topic = topic().await;
    fill(&topic, &["o-1"]).await;
    let _open = transaction(&topic, &["o-2", "o-3"]).await;
    end(&topic, &[("isolation.level", isolation)]).await
}

/// claim: kafka.lag.open-transaction
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_committed_sees_the_log_end_at_an_open_transaction() {
    assert_eq!(end_with_open_transaction("read_committed").await, 1);
}

/// claim: kafka.lag.open-transaction
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_committed_sees_the_log_end_at_an_open_transaction_contrast() {
    assert_eq!(end_with_open_transaction("read_uncommitted").await, 3);
}

/// The lag of each partition of a topic of which somebody has read one.
async fn of_each(topic: &Topic) -> HashMap<i32, i64> {
    let (config, name) = (settings(topic, &[]), topic.name.clone());
    let ask = move || {
        let client: BaseConsumer = config.create().unwrap();
        let mut asked = TopicPartitionList::new();
        asked.add_partition_range(&name, 0, 2);
        let told = client.committed_offsets(asked, LONG).unwrap();
        let lag = |partition: i32| {
            let (_, end) = client.fetch_watermarks(&name, partition, LONG).unwrap();
            let next = told.find_partition(&name, partition).unwrap().offset();
            let next = next.to_raw().filter(|next| *next >= 0).unwrap_or(0);
            (partition, end - next)
        };
        (0..3).map(lag).collect()
    };
    spawn_blocking(ask).await.unwrap()
}

/// claim: kafka.lag.per-partition
#[tokio::test(flavor = "multi_thread")]
async fn each_partition_has_its_own_lag() {
    let topic = topic().await;
    let producer = topic.producer(&[("partitioner", "murmur2_random")]);
    // o-1 and o-2 are in partition 0, o-3 and o-4 in 1, o-5 in 2.
    topic
        .store(&producer, &["o-1", "o-2", "o-3", "o-4", "o-5"])
        .await;
    let consumer = got(&topic, 2).await;
    commit(&consumer, &topic, 2).await.unwrap();
    let expected = HashMap::from([(0, 0), (1, 2), (2, 1)]);
    assert_eq!(of_each(&topic).await, expected);
}

/// claim: kafka.lag.per-partition
#[tokio::test(flavor = "multi_thread")]
async fn each_partition_has_its_own_lag_contrast() {
    let topic = topic().await;
    fill(&topic, &["o-1", "o-2", "o-3", "o-4", "o-5"]).await;
    let consumer = got(&topic, 2).await;
    commit(&consumer, &topic, 2).await.unwrap();
    let expected = HashMap::from([(0, 3), (1, 0), (2, 0)]);
    assert_eq!(of_each(&topic).await, expected);
}
