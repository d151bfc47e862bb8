//! ch04-kafka-event-sourcing: what compaction keeps, and where.

use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::FutureRecord;
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::timeout;

use super::group::{PARTITION, now, reader, receive};
use super::topic::{LONG, Settings, Topic, report, shared};

const DAY: i64 = 86_400_000;
/// A topic that is compacted as soon as a segment is full, and a segment takes a day.
const COMPACTED: Settings<'_> = &[
    ("cleanup.policy", "compact"),
    ("min.cleanable.dirty.ratio", "0.01"),
    ("segment.ms", "86400000"),
    ("delete.retention.ms", "0"),
];

/// What compaction leaves of [`states`]: the full segment without what is out of date, and the one
/// that is written to.
const LEFT: [(i64, &str, Option<&str>); 3] = [
    (1, "o-2", Some("a")),
    (3, "o-1", Some("c")),
    (4, "o-3", Some("a")),
];

/// Stores a record, or a tombstone, of so many days ago.
async fn put(
    topic: &Topic,
    key: Option<&str>,
    value: Option<&str>,
    days: i64,
) -> Result<(), KafkaError> {
    let producer = topic.producer(&[]);
    let mut record = FutureRecord::<str, str>::to(&topic.name).partition(PARTITION);
    record = record.timestamp(now() - days * DAY);
    record.key = key;
    record.payload = value;
    let sent = producer.send_result(record).map_err(|(error, _)| error);
    report(sent.unwrap()).await.map(drop)
}

/// Three states of o-1 and one of o-2, so many days ago, then one of o-3 in another segment.
async fn states(settings: Settings<'_>, days: i64) -> Topic {
    let topic = Topic::new(shared().await, settings).await;
    for (key, value) in [("o-1", "a"), ("o-2", "a"), ("o-1", "b"), ("o-1", "c")] {
        put(&topic, Some(key), Some(value), days).await.unwrap();
    }
    put(&topic, Some("o-3"), Some("a"), days - 2).await.unwrap();
    topic
}

/// All that is in the topic: offset, key and value.
async fn all(topic: &Topic) -> Vec<(i64, String, Option<String>)> {
    let consumer = reader(topic, &[("fetch.wait.max.ms", "50")]);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut records = Vec::new();
    loop {
        match receive(&consumer).await {
            Ok(record) => {
                let key = text(record.key().unwrap());
                records.push((record.offset(), key, record.payload().map(text)));
            }
            Err(KafkaError::PartitionEOF(_)) => return records,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Returns when this is all that is left.
async fn until_left(topic: &Topic, left: &[(i64, &str, Option<&str>)]) {
    let left: Vec<(i64, String, Option<String>)> = left
        .iter()
        .map(|(offset, key, value)| (*offset, (*key).to_owned(), value.map(str::to_owned)))
        .collect();
    let comes = async { while all(topic).await != left {} };
    timeout(LONG, comes).await.unwrap();
}

/// claim: kafka.compaction.last
#[tokio::test(flavor = "multi_thread")]
async fn compaction_keeps_the_last_record_of_each_key() {
    let topic = states(COMPACTED, 4).await;
    until_left(&topic, &LEFT).await;
}

/// claim: kafka.compaction.last
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_compacted_keeps_all_contrast() {
    let topic = states(&[("segment.ms", "86400000")], 4).await;
    // By now Kafka has compacted this one.
    compaction_has_been().await;
    assert_eq!(all(&topic).await.len(), 5);
}

async fn compaction_has_been() {
    let probe = states(COMPACTED, 4).await;
    until_left(&probe, &LEFT).await;
}

/// claim: kafka.compaction.full-segments
#[tokio::test(flavor = "multi_thread")]
async fn the_segment_that_is_written_to_is_not_compacted() {
    let topic = states(COMPACTED, 4).await;
    put(&topic, Some("o-3"), Some("b"), 2).await.unwrap();
    let left = [
        (1, "o-2", Some("a")),
        (3, "o-1", Some("c")),
        (4, "o-3", Some("a")),
        (5, "o-3", Some("b")),
    ];
    until_left(&topic, &left).await;
    compaction_has_been().await;
    until_left(&topic, &left).await;
}

/// claim: kafka.compaction.full-segments
#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_is_full_is_compacted_contrast() {
    let topic = states(COMPACTED, 4).await;
    put(&topic, Some("o-3"), Some("b"), 2).await.unwrap();
    put(&topic, Some("o-4"), Some("a"), 0).await.unwrap();
    let left = [
        (1, "o-2", Some("a")),
        (3, "o-1", Some("c")),
        (5, "o-3", Some("b")),
        (6, "o-4", Some("a")),
    ];
    until_left(&topic, &left).await;
}

/// claim: kafka.compaction.offsets
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_a_compacted_log_goes_on_at_the_next_record() {
    let topic = states(COMPACTED, 4).await;
    until_left(&topic, &LEFT).await;
    // Offset 0 is gone, and that is no error even for a reader without a rule.
    assert_eq!(at_first(&topic).await.unwrap(), 1);
}

/// The offset of the first record that a reader gets who wants offset 0 and has no other rule.
async fn at_first(topic: &Topic) -> Result<i64, KafkaError> {
    let consumer = reader(topic, &[("auto.offset.reset", "error")]);
    let mut place = TopicPartitionList::new();
    let first = Offset::Offset(0);
    place
        .add_partition_offset(&topic.name, PARTITION, first)
        .unwrap();
    consumer.assign(&place).unwrap();
    receive(&consumer).await.map(|record| record.offset())
}

/// claim: kafka.compaction.offsets
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_a_shortened_log_is_told_contrast() {
    let topic = states(
        &[("segment.ms", "86400000"), ("retention.ms", "259200000")],
        4,
    )
    .await;
    until_left(&topic, &[(4, "o-3", Some("a"))]).await;
    let error = KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset);
    assert_eq!(at_first(&topic).await, Err(error));
}

/// What is left of a topic in which o-2 was followed by this, when Kafka has compacted it twice.
async fn until_left_twice(value: Option<&str>, then: &[(i64, &str, Option<&str>)]) {
    let topic = states(COMPACTED, 8).await;
    let of = |order: &'static str, days| put(&topic, Some(order), Some("a"), days);
    put(&topic, Some("o-2"), value, 6).await.unwrap();
    of("o-4", 4).await.unwrap();
    let [c, a] = [Some("c"), Some("a")];
    let (first, third) = ((3, "o-1", c), (4, "o-3", a));
    until_left(&topic, &[first, third, (5, "o-2", value), (6, "o-4", a)]).await;
    of("o-5", 2).await.unwrap();
    let mut left = vec![first, third];
    left.extend(then);
    left.extend([(6, "o-4", a), (7, "o-5", a)]);
    until_left(&topic, &left).await;
}

/// claim: kafka.compaction.tombstone
#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_takes_its_key_away_and_goes_itself() {
    until_left_twice(None, &[]).await;
}

/// claim: kafka.compaction.tombstone
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_value_stays_contrast() {
    until_left_twice(Some(""), &[(5, "o-2", Some(""))]).await;
}

const COMPACT: (&str, &str) = ("cleanup.policy", "compact");

/// The `retention.ms` of a topic that keeps all, when it has been given these settings.
async fn retention_after(settings: Settings<'_>) -> String {
    let topic = Topic::new(shared().await, &[("retention.ms", "-1")]).await;
    topic.until_set("retention.ms", "-1").await;
    topic.alter(settings).await.unwrap();
    topic.until_set("cleanup.policy", "compact").await;
    topic.setting("retention.ms").await
}

/// claim: kafka.alter-configs.resets
#[tokio::test(flavor = "multi_thread")]
async fn alter_configs_resets_what_it_does_not_name() {
    assert_eq!(retention_after(&[COMPACT]).await, "604800000");
}

/// claim: kafka.alter-configs.resets
#[tokio::test(flavor = "multi_thread")]
async fn alter_configs_resets_what_it_does_not_name_contrast() {
    let both = [COMPACT, ("retention.ms", "-1")];
    assert_eq!(retention_after(&both).await, "-1");
}

/// claim: kafka.alter-configs.ok
#[tokio::test(flavor = "multi_thread")]
async fn alter_configs_says_ok_where_kafka_refuses() {
    let topic = Topic::new(shared().await, &[]).await;
    // No policy has this name.
    let answer = topic.alter(&[("cleanup.policy", "nothing")]).await;
    assert_eq!(answer, Ok(()));
    // Kafka tells of a new topic after all that it has decided before.
    Topic::new(shared().await, &[]).await;
    assert_eq!(topic.setting("cleanup.policy").await, "delete");
}

/// claim: kafka.alter-configs.ok
#[tokio::test(flavor = "multi_thread")]
async fn alter_configs_says_ok_where_kafka_refuses_contrast() {
    let topic = Topic::new(shared().await, &[]).await;
    assert_eq!(topic.alter(&[COMPACT]).await, Ok(()));
    topic.until_set("cleanup.policy", "compact").await;
}

/// claim: kafka.compaction.key
#[tokio::test(flavor = "multi_thread")]
async fn a_compacted_topic_refuses_a_record_without_a_key() {
    let topic = Topic::new(shared().await, COMPACTED).await;
    let refused = put(&topic, None, Some("a"), 0).await.unwrap_err();
    assert_eq!(
        refused.rdkafka_error_code(),
        Some(RDKafkaErrorCode::InvalidRecord)
    );
}

/// claim: kafka.compaction.key
#[tokio::test(flavor = "multi_thread")]
async fn a_compacted_topic_refuses_a_record_without_a_key_contrast() {
    let topic = Topic::new(shared().await, &[]).await;
    assert_eq!(put(&topic, None, Some("a"), 0).await, Ok(()));
}
