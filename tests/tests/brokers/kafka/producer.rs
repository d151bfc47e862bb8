//! ch04-kafka-producer: acknowledgements, delivery reports, keys and compression.

use std::collections::BTreeSet;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::future_producer::Delivery;
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::task::spawn_blocking;

use super::topic::{PARTITIONS, Settings, Topic, flush, refused, report, settled, shared, stored};

/// The hash that Java's client uses.
const JAVA: [(&str, &str); 1] = [("partitioner", "murmur2_random")];

/// claim: kafka.send.queued
#[tokio::test(flavor = "multi_thread")]
async fn send_only_queues() {
    let topic = Topic::new(shared().await, &[]).await;
    // A minute's linger: the records are still in the producer when it is dropped.
    let producer = topic.producer(&[("linger.ms", "60000")]);
    let sent = topic.send(&producer, "o-1", "o-1");
    spawn_blocking(move || drop(producer)).await.unwrap();
    assert_eq!(refused(sent).await, RDKafkaErrorCode::PurgeQueue);
    topic.store(&topic.producer(&[]), &["o-2"]).await;
    assert_eq!(topic.bodies().await, ["o-2"]);
}

/// claim: kafka.send.queued
#[tokio::test(flavor = "multi_thread")]
async fn send_only_queues_contrast() {
    let topic = Topic::new(shared().await, &[]).await;
    let producer = topic.producer(&[]);
    drop(topic.send(&producer, "o-1", "o-1"));
    flush(&producer).await;
    spawn_blocking(move || drop(producer)).await.unwrap();
    assert_eq!(topic.read().await.len(), 1);
}

/// claim: kafka.report.place
#[tokio::test(flavor = "multi_thread")]
async fn a_report_says_where_the_record_is() {
    let topic = Topic::new(shared().await, &[]).await;
    let keys = ["o-1", "o-2", "o-3", "o-4"];
    let reports = topic.store(&topic.producer(&JAVA), &keys).await;
    let said = reports.iter().zip(keys);
    let said: BTreeSet<_> = said
        .map(|(report, key)| (report.partition, report.offset, key.to_owned()))
        .collect();
    assert_eq!(
        topic.read().await.into_iter().collect::<BTreeSet<_>>(),
        said
    );
}

/// claim: kafka.report.place
#[tokio::test(flavor = "multi_thread")]
async fn a_report_says_where_the_record_is_contrast() {
    let topic = Topic::new(shared().await, &[]).await;
    let producer = topic.producer(&[("acks", "0")]);
    let reports = topic.store(&producer, &["o-1"]).await;
    assert!(reports[0].offset < 0, "{reports:?}");
}

/// Sends an order that is larger than the topic takes, and says what the report says.
async fn too_large(acks: &str) -> Result<(), RDKafkaErrorCode> {
    let topic = Topic::new(shared().await, &[("max.message.bytes", "2048")]).await;
    let producer = topic.producer(&[("acks", acks)]);
    let sent = topic.send(&producer, "o-6", &"sku ".repeat(1000));
    let report = report(sent).await;
    settled(&topic, &producer).await;
    assert_eq!(topic.read().await, [], "it is not in the topic either way");
    report
        .map(drop)
        .map_err(|error| error.rdkafka_error_code().unwrap())
}

/// claim: kafka.acks-0.blind
#[tokio::test(flavor = "multi_thread")]
async fn without_acks_a_refusal_is_not_reported() {
    assert_eq!(too_large("0").await, Ok(()));
}

/// claim: kafka.acks-0.blind
#[tokio::test(flavor = "multi_thread")]
async fn without_acks_a_refusal_is_not_reported_contrast() {
    let why = RDKafkaErrorCode::MessageSizeTooLarge;
    assert_eq!(too_large("all").await, Err(why));
}

/// claim: kafka.key.partition
#[tokio::test(flavor = "multi_thread")]
async fn one_key_is_one_partition_in_order() {
    let topic = Topic::new(shared().await, &[]).await;
    let reports = topic.store(&topic.producer(&JAVA), &["o-3"; 100]).await;
    let places: Vec<_> = reports
        .iter()
        .map(|report| (report.partition, report.offset))
        .collect();
    let expected: Vec<_> = (0..100).map(|offset| (1, offset)).collect();
    assert_eq!(places, expected);
}

/// claim: kafka.key.partition
#[tokio::test(flavor = "multi_thread")]
async fn one_key_is_one_partition_in_order_contrast() {
    let topic = Topic::new(shared().await, &[]).await;
    // Without a key each record gets a random partition: sticky batches are off.
    let producer = topic.producer(&[("sticky.partitioning.linger.ms", "0")]);
    let mut partitions = BTreeSet::new();
    for _ in 0..100 {
        let record = FutureRecord::<str, str>::to(&topic.name).payload("o-3");
        let sent = producer.send_result(record).map_err(|(error, _)| error);
        partitions.insert(stored(sent.unwrap()).await.partition);
    }
    assert!(partitions.len() > 1, "{partitions:?}");
}

/// claim: kafka.partition.no-common-order
#[tokio::test(flavor = "multi_thread")]
async fn partitions_have_no_common_order() {
    let topic = Topic::new(shared().await, &[]).await;
    let producer = topic.producer(&JAVA);
    let (first, second) = (
        topic.store(&producer, &["o-1"]).await,
        topic.store(&producer, &["o-3"]).await,
    );
    // The second was stored after the first, and nothing in the log says so.
    assert_eq!([first[0].partition, second[0].partition], [0, 1]);
    assert_eq!([first[0].offset, second[0].offset], [0, 0]);
}

/// claim: kafka.partition.no-common-order
#[tokio::test(flavor = "multi_thread")]
async fn partitions_have_no_common_order_contrast() {
    let topic = Topic::new(shared().await, &[]).await;
    let producer = topic.producer(&JAVA);
    let (first, second) = (
        topic.store(&producer, &["o-1"]).await,
        topic.store(&producer, &["o-2"]).await,
    );
    assert_eq!([first[0].partition, second[0].partition], [0, 0]);
    assert_eq!([first[0].offset, second[0].offset], [0, 1]);
}

/// Keys and their hashes from the test of Kafka's own Java client (UtilsTest, murmur2).
const HASHES: [(&str, i32); 5] = [
    ("21", -973_932_308),
    ("foobar", -790_332_482),
    ("a-little-bit-long-string", -985_981_536),
    ("a-little-bit-longer-string", -1_486_304_829),
    (
        "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
        -58_897_971,
    ),
];

/// The partitions that librdkafka chooses for these keys, and those that Java chooses.
async fn chosen(settings: Settings<'_>) -> (Vec<i32>, Vec<i32>) {
    let topic = Topic::new(shared().await, &[]).await;
    let keys = HASHES.map(|(key, _)| key);
    let reports = topic.store(&topic.producer(settings), &keys).await;
    let chosen = reports.iter().map(|report| report.partition).collect();
    // Java makes the hash positive by its sign bit and takes the remainder.
    let java = HASHES.map(|(_, hash)| (hash & i32::MAX) % PARTITIONS);
    (chosen, java.to_vec())
}

/// claim: kafka.partitioner.java
#[tokio::test(flavor = "multi_thread")]
async fn murmur2_random_hashes_as_java_does() {
    let (chosen, java) = chosen(&JAVA).await;
    assert_eq!(chosen, java);
}

/// claim: kafka.partitioner.java
#[tokio::test(flavor = "multi_thread")]
async fn murmur2_random_hashes_as_java_does_contrast() {
    let (chosen, java) = chosen(&[]).await;
    assert_ne!(chosen, java, "the default of librdkafka");
}

/// Sends two small orders and a large one to one partition of a topic that takes 2 KiB; says which
/// are stored.
async fn beside_a_large_one(flush_between: bool) -> Vec<String> {
    let topic = Topic::new(shared().await, &[("max.message.bytes", "2048")]).await;
    let producer = topic.producer(&[("linger.ms", "500")]);
    let small = ["o-1", "o-2"].map(|body| topic.send(&producer, "o-6", body));
    if flush_between {
        flush(&producer).await;
    }
    let large = topic.send(&producer, "o-6", &"sku ".repeat(1000));
    assert_eq!(refused(large).await, RDKafkaErrorCode::MessageSizeTooLarge);
    for sent in small {
        let stored = report(sent).await.is_ok();
        assert_eq!(stored, flush_between, "the reports say the same");
    }
    topic.bodies().await
}

/// claim: kafka.batch.whole
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_refused_as_a_whole() {
    assert_eq!(beside_a_large_one(false).await, [""; 0]);
}

/// claim: kafka.batch.whole
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_refused_as_a_whole_contrast() {
    assert_eq!(beside_a_large_one(true).await, ["o-1", "o-2"]);
}

/// Sends 4,000 bytes that compress well to a topic that takes 2 KiB.
async fn compressed(codec: &str) -> Result<Delivery, KafkaError> {
    let topic = Topic::new(shared().await, &[("max.message.bytes", "2048")]).await;
    let producer = topic.producer(&[("compression.type", codec)]);
    report(topic.send(&producer, "o-6", &"sku ".repeat(1000))).await
}

/// claim: kafka.compression.limit
#[tokio::test(flavor = "multi_thread")]
async fn the_limit_is_on_the_compressed_batch() {
    assert_eq!(compressed("lz4").await.unwrap().offset, 0);
}

/// claim: kafka.compression.limit
#[tokio::test(flavor = "multi_thread")]
async fn the_limit_is_on_the_compressed_batch_contrast() {
    let why = compressed("none").await.unwrap_err().rdkafka_error_code();
    assert_eq!(why, Some(RDKafkaErrorCode::MessageSizeTooLarge));
}

/// claim: kafka.idempotence.acks-all
#[tokio::test(flavor = "multi_thread")]
async fn idempotence_demands_acks_all() {
    let topic = Topic::new(shared().await, &[]).await;
    let config = topic.config(&[("enable.idempotence", "true"), ("acks", "1")]);
    let refused = config.create::<FutureProducer>().err().unwrap().to_string();
    assert!(refused.contains("`acks` must be set to `all`"), "{refused}");
}

/// claim: kafka.idempotence.acks-all
#[tokio::test(flavor = "multi_thread")]
async fn idempotence_demands_acks_all_contrast() {
    let topic = Topic::new(shared().await, &[]).await;
    let producer = topic.producer(&[("enable.idempotence", "true"), ("acks", "all")]);
    assert_eq!(topic.store(&producer, &["o-1"]).await[0].offset, 0);
}
