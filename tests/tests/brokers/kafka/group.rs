//! Consumers of a group for a test, and what the group has committed.

use std::sync::Arc;
use std::time::SystemTime;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::producer::FutureRecord;
use rdkafka::{Offset, TopicPartitionList};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::topic::{LONG, Settings, Topic, stored};

/// The partition that these tests use: all their records carry one key.
pub const PARTITION: i32 = 0;

/// Stores these bodies one after the other in one partition.
pub async fn fill(topic: &Topic, bodies: &[&str]) {
    let producer = topic.producer(&[("partitioner", "murmur2_random")]);
    for body in bodies {
        let stored = stored(topic.send(&producer, "o-1", body)).await;
        assert_eq!(stored.partition, PARTITION);
    }
}

/// The settings of a consumer of the topic's group.
pub fn settings(topic: &Topic, settings: Settings<'_>) -> ClientConfig {
    let mut config = topic.config(&[
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "false"),
        ("enable.partition.eof", "true"),
    ]);
    // A group for each topic.
    config.set("group.id", format!("inventory.{}", topic.name));
    for (key, value) in settings {
        config.set(*key, *value);
    }
    config
}

/// A consumer that takes the partition itself, without the others of its group: it begins where the
/// group has committed.
pub fn reader(topic: &Topic, more: Settings<'_>) -> Arc<StreamConsumer> {
    let consumer: StreamConsumer = settings(topic, more).create().unwrap();
    let mut place = TopicPartitionList::new();
    place.add_partition(&topic.name, PARTITION);
    consumer.assign(&place).unwrap();
    Arc::new(consumer)
}

/// A consumer that joins its group.
pub fn member(topic: &Topic, more: Settings<'_>) -> Arc<StreamConsumer> {
    let consumer: StreamConsumer = settings(topic, more).create().unwrap();
    consumer.subscribe(&[&topic.name]).unwrap();
    Arc::new(consumer)
}

/// The next thing that the consumer hands over.
pub async fn receive(consumer: &StreamConsumer) -> KafkaResult<OwnedMessage> {
    let record = timeout(LONG, consumer.recv()).await.unwrap();
    record.map(|record| record.detach())
}

/// The next record's body; none at the end of the partition.
pub async fn body(consumer: &StreamConsumer) -> Option<String> {
    match receive(consumer).await {
        Ok(record) => Some(String::from_utf8(record.payload().unwrap().to_vec()).unwrap()),
        Err(KafkaError::PartitionEOF(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

/// Commits this offset, the next one to read.
pub async fn commit(consumer: &Arc<StreamConsumer>, topic: &Topic, next: i64) -> KafkaResult<()> {
    let mut place = TopicPartitionList::new();
    let offset = Offset::Offset(next);
    place
        .add_partition_offset(&topic.name, PARTITION, offset)
        .unwrap();
    let consumer = consumer.clone();
    let commit = move || consumer.commit(&place, CommitMode::Sync);
    spawn_blocking(commit).await.unwrap()
}

/// Lets go of a consumer, which says goodbye.
pub async fn leave(consumer: Arc<StreamConsumer>) {
    let last = Arc::into_inner(consumer).unwrap();
    spawn_blocking(move || drop(last)).await.unwrap();
}

/// What the group has committed, asked by another client.
pub async fn committed(topic: &Topic) -> Option<i64> {
    let (config, name) = (settings(topic, &[]), topic.name.clone());
    let ask = move || {
        let client: BaseConsumer = config.create().unwrap();
        let mut place = TopicPartitionList::new();
        place.add_partition(&name, PARTITION);
        let told = client.committed_offsets(place, LONG).unwrap();
        match told.find_partition(&name, PARTITION).unwrap().offset() {
            Offset::Offset(next) => Some(next),
            _ => None,
        }
    };
    spawn_blocking(ask).await.unwrap()
}

/// Returns when the group has committed this.
pub async fn until_committed(topic: &Topic, next: i64) {
    let comes = async { while committed(topic).await != Some(next) {} };
    timeout(LONG, comes).await.unwrap();
}

/// Stores a record of this time, in milliseconds since 1970.
pub async fn store_at(topic: &Topic, body: &str, time: i64) {
    let producer = topic.producer(&[]);
    let record = FutureRecord::<str, str>::to(&topic.name).payload(body);
    let record = record.partition(PARTITION).timestamp(time);
    let sent = producer.send_result(record).map_err(|(error, _)| error);
    stored(sent.unwrap()).await;
}

/// Now, as Kafka writes it.
pub fn now() -> i64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    i64::try_from(now).unwrap()
}
