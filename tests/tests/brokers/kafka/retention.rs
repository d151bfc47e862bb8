//! ch04-kafka-retention: what a topic deletes and when, and a reader that comes too late.

use std::time::Duration;

use book_tests::since;
use brokers::Kind;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::FutureRecord;
use rdkafka::{Message, Offset, TopicPartitionList};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::group::{
    PARTITION, body, commit, committed, fill, leave, now, reader, receive, store_at,
};
use super::topic::{LONG, Settings, Topic, report, shared};

const DAY: i64 = 86_400_000;
/// A topic that keeps records of two days.
const TWO_DAYS: (&str, &str) = ("retention.ms", "172800000");

type Admin = AdminClient<DefaultClientContext>;

fn admin(topic: &Topic) -> Admin {
    topic.config(&[]).create().unwrap()
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(LONG))
}

/// A topic with one order for each of these ages in days.
async fn aged(settings: Settings<'_>, days: &[i64]) -> Topic {
    let topic = Topic::new(shared().await, settings).await;
    for day in days {
        store_at(&topic, "order", now() - day * DAY).await;
    }
    topic
}

async fn keep_two_days(topic: &Topic) {
    topic.alter(&[TWO_DAYS]).await.unwrap();
    topic.until_set(TWO_DAYS.0, TWO_DAYS.1).await;
}

/// Where the log begins.
async fn start(topic: &Topic) -> i64 {
    let (config, name) = (
        topic.config(&[("group.id", "inventory")]),
        topic.name.clone(),
    );
    let ask = move || {
        let client: BaseConsumer = config.create().unwrap();
        let (start, _) = client.fetch_watermarks(&name, PARTITION, LONG).unwrap();
        start
    };
    spawn_blocking(ask).await.unwrap()
}

/// Returns when the log begins here.
async fn until_start(topic: &Topic, offset: i64) {
    let comes = async { while start(topic).await != offset {} };
    timeout(LONG, comes).await.unwrap();
}

/// Returns when Kafka has looked for what it can delete, twice since now.
async fn looked() {
    for _ in 0..2 {
        // This topic is younger than whatever is to be seen, and Kafka looks at all topics in turn.
        let probe = aged(&[TWO_DAYS], &[5]).await;
        until_start(&probe, 1).await;
    }
}

/// claim: kafka.retention.time
/// claim: kafka.retention.offsets-stay
#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_is_deleted() {
    let topic = aged(&[TWO_DAYS, ("segment.ms", "86400000")], &[5, 3, 0]).await;
    until_start(&topic, 2).await;
    let consumer = reader(&topic, &[]);
    let record = receive(&consumer).await.unwrap();
    assert_eq!(record.offset(), 2);
}

/// claim: kafka.retention.time
/// claim: kafka.retention.offsets-stay
#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_is_deleted_contrast() {
    let forever = ("retention.ms", "-1");
    let topic = aged(&[forever, ("segment.ms", "86400000")], &[5, 3, 0]).await;
    looked().await;
    assert_eq!(start(&topic).await, 0);
}

/// claim: kafka.retention.whole-segments
#[tokio::test(flavor = "multi_thread")]
async fn an_old_record_stays_with_a_newer_one() {
    // The limit comes when both are there.
    let topic = aged(&[("retention.ms", "-1")], &[5, 0]).await;
    keep_two_days(&topic).await;
    looked().await;
    assert_eq!(start(&topic).await, 0);
}

/// claim: kafka.retention.whole-segments
#[tokio::test(flavor = "multi_thread")]
async fn an_old_record_stays_with_a_newer_one_contrast() {
    let topic = aged(&[TWO_DAYS, ("segment.ms", "86400000")], &[5, 0]).await;
    until_start(&topic, 1).await;
}

/// claim: kafka.retention.record-time
/// claim: kafka.retention.last-segment
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_comes_with_an_old_time_is_deleted_at_once() {
    // It is the newest, in the segment that is written to, and seconds old.
    let topic = aged(&[TWO_DAYS], &[5]).await;
    until_start(&topic, 1).await;
}

/// claim: kafka.retention.record-time
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_comes_with_an_old_time_is_deleted_at_once_contrast() {
    let arrival = ("message.timestamp.type", "LogAppendTime");
    let topic = aged(&[TWO_DAYS, arrival], &[5]).await;
    looked().await;
    assert_eq!(start(&topic).await, 0);
}

/// claim: kafka.retention.last-segment
#[tokio::test(flavor = "multi_thread")]
async fn the_limit_of_size_leaves_the_last_segment_contrast() {
    let topic = aged(&[("retention.bytes", "1")], &[0]).await;
    looked().await;
    assert_eq!(start(&topic).await, 0);
}

/// A topic of seven orders, of 500 KiB each, in segments of 1 MiB.
async fn large(settings: Settings<'_>) -> Topic {
    let mut all = vec![("segment.bytes", "1048576")];
    all.extend(settings);
    let topic = Topic::new(shared().await, &all).await;
    let order = "x".repeat(500 * 1024);
    for _ in 0..7 {
        store_at(&topic, &order, now()).await;
    }
    topic
}

/// claim: kafka.retention.size
#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_is_deleted() {
    let topic = large(&[("retention.bytes", "1500000")]).await;
    // Three orders are kept, which is 1.5 MB and a bit: less than that is never left.
    until_start(&topic, 4).await;
    looked().await;
    assert_eq!(start(&topic).await, 4);
}

/// claim: kafka.retention.size
#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_is_deleted_contrast() {
    let topic = large(&[]).await;
    looked().await;
    assert_eq!(start(&topic).await, 0);
}

/// What Kafka says to a topic whose segments are this large.
async fn segments_of(bytes: &str) -> Result<(), RDKafkaErrorCode> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", shared().await);
    let admin: Admin = config.create().unwrap();
    let name = format!("segments.{bytes}");
    let topic = NewTopic::new(&name, 1, TopicReplication::Fixed(1)).set("segment.bytes", bytes);
    let made = admin.create_topics([&topic], &options()).await.unwrap();
    made.into_iter()
        .next()
        .unwrap()
        .map(drop)
        .map_err(|it| it.1)
}

/// claim: kafka.segment.least
#[tokio::test(flavor = "multi_thread")]
async fn a_segment_is_a_mebibyte_at_least() {
    let kafka = brokers::external(Kind::Kafka, shared().await).await;
    if !since(&kafka.unwrap(), "4.1.0") {
        return;
    }
    let refused = segments_of("1048575").await;
    assert_eq!(refused, Err(RDKafkaErrorCode::InvalidConfig));
}

/// claim: kafka.segment.least
#[tokio::test(flavor = "multi_thread")]
async fn a_segment_is_a_mebibyte_at_least_contrast() {
    assert_eq!(segments_of("1048576").await, Ok(()));
}

async fn delete_before(topic: &Topic, offset: i64) {
    let mut before = TopicPartitionList::new();
    let offset = Offset::Offset(offset);
    before
        .add_partition_offset(&topic.name, PARTITION, offset)
        .unwrap();
    let deleted = admin(topic).delete_records(&before, &options()).await;
    for partition in deleted.unwrap().elements() {
        partition.error().unwrap();
    }
}

/// A topic of two orders that are too old, and one that is in their segment and is not.
async fn two_of_three_are_old() -> Topic {
    let topic = aged(&[("retention.ms", "-1")], &[5, 5, 0]).await;
    keep_two_days(&topic).await;
    topic
}

/// claim: kafka.delete-records.now
#[tokio::test(flavor = "multi_thread")]
async fn records_are_deleted_by_hand_at_once() {
    let topic = two_of_three_are_old().await;
    delete_before(&topic, 2).await;
    assert_eq!(start(&topic).await, 2);
}

/// claim: kafka.delete-records.now
#[tokio::test(flavor = "multi_thread")]
async fn records_are_deleted_by_hand_at_once_contrast() {
    let topic = two_of_three_are_old().await;
    // The limit alone waits for the third one.
    looked().await;
    assert_eq!(start(&topic).await, 0);
}

/// What a reader gets whose group is at 1 of four orders, when those before this offset are gone.
async fn back(reset: &str, gone_before: i64) -> KafkaResult<Option<String>> {
    let topic = Topic::new(shared().await, &[]).await;
    fill(&topic, &["o-1", "o-2", "o-3", "o-4"]).await;
    let first = reader(&topic, &[]);
    commit(&first, &topic, 1).await.unwrap();
    leave(first).await;
    delete_before(&topic, gone_before).await;
    let consumer = reader(&topic, &[("auto.offset.reset", reset)]);
    let record = receive(&consumer).await;
    // Nothing is committed by that.
    assert_eq!(committed(&topic).await, Some(1));
    match record {
        Ok(record) => {
            let body = record.payload().unwrap().to_vec();
            Ok(Some(String::from_utf8(body).unwrap()))
        }
        Err(KafkaError::PartitionEOF(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// claim: kafka.gone.earliest
#[tokio::test(flavor = "multi_thread")]
async fn a_late_reader_goes_on_at_the_start() {
    assert_eq!(back("earliest", 3).await, Ok(Some("o-4".to_owned())));
}

/// claim: kafka.gone.earliest
#[tokio::test(flavor = "multi_thread")]
async fn a_late_reader_goes_on_at_the_start_contrast() {
    assert_eq!(back("earliest", 1).await, Ok(Some("o-2".to_owned())));
}

/// claim: kafka.gone.latest
#[tokio::test(flavor = "multi_thread")]
async fn a_late_reader_passes_over_what_is_there() {
    assert_eq!(back("latest", 3).await, Ok(None));
}

/// claim: kafka.gone.latest
#[tokio::test(flavor = "multi_thread")]
async fn a_late_reader_passes_over_what_is_there_contrast() {
    assert_eq!(back("latest", 1).await, Ok(Some("o-2".to_owned())));
}

/// claim: kafka.gone.error
#[tokio::test(flavor = "multi_thread")]
async fn a_late_reader_is_told() {
    let error = KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset);
    assert_eq!(back("error", 3).await, Err(error.clone()));
    // So is one that has no position yet.
    let topic = aged(&[], &[0]).await;
    let consumer = reader(&topic, &[("auto.offset.reset", "error")]);
    assert_eq!(receive(&consumer).await.unwrap_err(), error);
}

/// claim: kafka.gone.error
#[tokio::test(flavor = "multi_thread")]
async fn a_late_reader_is_told_contrast() {
    assert_eq!(back("error", 1).await, Ok(Some("o-2".to_owned())));
}

/// Nothing comes for so long.
const SOON: Duration = Duration::from_secs(2);

/// claim: kafka.gone.error-once
#[tokio::test(flavor = "multi_thread")]
async fn a_late_reader_is_told_once_and_gets_nothing_until_it_is_assigned_anew() {
    let topic = aged(&[], &[0]).await;
    let consumer = reader(&topic, &[("auto.offset.reset", "error")]);
    receive(&consumer).await.unwrap_err();
    fill(&topic, &["o-1"]).await;
    let next = timeout(SOON, consumer.recv()).await;
    assert!(next.is_err(), "{next:?}");
    let (reader, name) = (consumer.clone(), topic.name.clone());
    let seek = move || reader.seek(&name, PARTITION, Offset::Beginning, LONG);
    let refused = KafkaError::Seek("Local: Erroneous state".to_owned());
    assert_eq!(spawn_blocking(seek).await.unwrap(), Err(refused));
    let mut place = TopicPartitionList::new();
    let begin = Offset::Beginning;
    place
        .add_partition_offset(&topic.name, PARTITION, begin)
        .unwrap();
    consumer.assign(&place).unwrap();
    assert_eq!(body(&consumer).await.as_deref(), Some("order"));
}

/// claim: kafka.gone.error-once
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_with_a_rule_gets_what_comes_contrast() {
    let topic = aged(&[], &[0]).await;
    let consumer = reader(&topic, &[("auto.offset.reset", "latest")]);
    assert_eq!(body(&consumer).await, None);
    fill(&topic, &["o-1"]).await;
    assert_eq!(body(&consumer).await.as_deref(), Some("o-1"));
}

/// What a reader that runs gets next, after o-1, when those before this offset are gone.
async fn overtaken(gone_before: i64) -> Option<String> {
    let topic = Topic::new(shared().await, &[]).await;
    fill(&topic, &["o-1"]).await;
    let consumer = reader(&topic, &[("queued.min.messages", "1")]);
    assert_eq!(body(&consumer).await.as_deref(), Some("o-1"));
    assert_eq!(body(&consumer).await, None);
    let mut place = TopicPartitionList::new();
    place.add_partition(&topic.name, PARTITION);
    consumer.pause(&place).unwrap();
    fill(&topic, &["o-2", "o-3", "o-4"]).await;
    delete_before(&topic, gone_before).await;
    consumer.resume(&place).unwrap();
    body(&consumer).await
}

/// claim: kafka.gone.running
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_runs_is_overtaken() {
    assert_eq!(overtaken(3).await.as_deref(), Some("o-4"));
}

/// claim: kafka.gone.running
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_runs_is_overtaken_contrast() {
    assert_eq!(overtaken(0).await.as_deref(), Some("o-2"));
}

/// What Kafka says to a record that is two hours ahead.
async fn ahead(settings: Settings<'_>) -> Result<(), RDKafkaErrorCode> {
    let topic = Topic::new(shared().await, settings).await;
    let producer = topic.producer(&[]);
    let time = now() + DAY / 12;
    let record = FutureRecord::<str, str>::to(&topic.name)
        .payload("o-1")
        .timestamp(time);
    let sent = producer.send_result(record).map_err(|(error, _)| error);
    match report(sent.unwrap()).await {
        Ok(_) => Ok(()),
        Err(error) => Err(error.rdkafka_error_code().unwrap()),
    }
}

/// claim: kafka.record.future
#[tokio::test(flavor = "multi_thread")]
async fn a_record_from_the_future_is_refused() {
    let refused = ahead(&[]).await;
    assert_eq!(refused, Err(RDKafkaErrorCode::InvalidTimestamp));
}

/// claim: kafka.record.future
#[tokio::test(flavor = "multi_thread")]
async fn a_record_from_the_future_is_refused_contrast() {
    let day = ("message.timestamp.after.max.ms", "86400000");
    assert_eq!(ahead(&[day]).await, Ok(()));
}
