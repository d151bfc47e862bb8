//! ch01-pub-sub: what a subscription names, and what a topic gives.

use std::time::Duration;

use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::FutureRecord;
use tokio::time::timeout;

use super::group::{PARTITION, receive, settings};
use super::topic::{LONG, Topic, shared, stored};

async fn topic(run: &str, name: &str) -> Topic {
    let name = format!("three_brokers.{run}.{name}");
    Topic::named(shared().await, name, &[]).await
}

/// Stores an event whose type is a header.
async fn event(topic: &Topic, kind: &str, order: &str) {
    let header = Header {
        key: "type",
        value: Some(kind),
    };
    let record = FutureRecord::<str, str>::to(&topic.name)
        .payload(order)
        .partition(PARTITION);
    let record = record.headers(OwnedHeaders::new().insert(header));
    let producer = topic.producer(&[]);
    let sent = producer.send_result(record);
    stored(sent.map_err(|(error, _)| error).unwrap()).await;
}

/// A member of a group that subscribes to this.
fn subscriber(topic: &Topic, name: &str) -> StreamConsumer {
    let settings = settings(topic, &[("enable.partition.eof", "false")]);
    let consumer: StreamConsumer = settings.create().unwrap();
    consumer.subscribe(&[name]).unwrap();
    consumer
}

/// The bodies of the next records, sorted.
async fn next<const N: usize>(consumer: &StreamConsumer) -> [String; N] {
    let mut bodies = [const { String::new() }; N];
    for body in &mut bodies {
        let record = receive(consumer).await.unwrap();
        let payload = rdkafka::Message::payload(&record).unwrap();
        *body = String::from_utf8(payload.to_vec()).unwrap();
    }
    bodies.sort();
    bodies
}

/// claim: kafka.subscribe.topic-names
#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_is_about_the_names_of_topics() {
    let (orders, payments) = (
        topic("names", "orders").await,
        topic("names", "payments").await,
    );
    event(&orders, "order.created", "o-1").await;
    event(&payments, "payment.failed", "o-2").await;
    let consumer = subscriber(&orders, r"^three_brokers\.names\..*");
    assert_eq!(next(&consumer).await, ["o-1", "o-2"]);
}

/// claim: kafka.subscribe.topic-names
/// claim: kafka.subscribe.unknown
#[tokio::test(flavor = "multi_thread")]
async fn a_type_of_event_is_no_topic_contrast() {
    let orders = topic("types", "orders").await;
    event(&orders, "order.created", "o-1").await;
    let consumer = subscriber(&orders, "order.created");
    let error = receive(&consumer).await.unwrap_err();
    let unknown = RDKafkaErrorCode::UnknownTopicOrPartition;
    assert_eq!(error, KafkaError::MessageConsumption(unknown));
}

/// Several heartbeats of a member, which are 0.2 s apart.
const WHILE: Duration = Duration::from_millis(1500);

/// claim: kafka.subscribe.unknown
#[tokio::test(flavor = "multi_thread")]
async fn in_the_newer_protocol_a_topic_that_nobody_has_made_is_no_error() {
    let orders = topic("unknown", "orders").await;
    let mut settings = settings(&orders, &[("group.protocol", "consumer")]);
    settings.set("enable.partition.eof", "false");
    let consumer: StreamConsumer = settings.create().unwrap();
    let name = "three_brokers.unknown.payments";
    consumer.subscribe(&[orders.name.as_str(), name]).unwrap();
    event(&orders, "order.created", "o-1").await;
    // When it gets this, it has joined and has heard of its topics.
    receive(&consumer).await.unwrap();
    let told = timeout(WHILE, consumer.recv()).await;
    assert!(told.is_err(), "{told:?}");
    // When somebody makes the topic, it gets what is in there.
    let payments = topic("unknown", "payments").await;
    event(&payments, "payment.failed", "o-2").await;
    let first = async {
        loop {
            if let Ok(record) = receive(&consumer).await {
                break record;
            }
        }
    };
    let first = timeout(LONG, first).await.unwrap();
    assert_eq!(rdkafka::Message::payload(&first), Some(&b"o-2"[..]));
}

/// claim: kafka.topic.every-type
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_gives_every_type_of_event() {
    let orders = topic("one", "orders").await;
    event(&orders, "order.created", "o-1").await;
    event(&orders, "order.shipped", "o-2").await;
    event(&orders, "order.created", "o-3").await;
    let consumer = subscriber(&orders, &orders.name);
    assert_eq!(next(&consumer).await, ["o-1", "o-2", "o-3"]);
}

/// claim: kafka.topic.every-type
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_for_each_type_gives_one_contrast() {
    let (created, shipped) = (topic("two", "created").await, topic("two", "shipped").await);
    event(&created, "order.created", "o-1").await;
    event(&shipped, "order.shipped", "o-2").await;
    event(&created, "order.created", "o-3").await;
    let consumer = subscriber(&created, &created.name);
    assert_eq!(next(&consumer).await, ["o-1", "o-3"]);
}
