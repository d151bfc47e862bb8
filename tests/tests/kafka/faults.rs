//! What becomes of an order when Kafka stands still while it is sent.

use book_tests::faults::pause;
use brokers::Broker;
use rdkafka::Statistics;
use rdkafka::client::ClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::topic::{LONG, Settings, Topic, private, refused, report, shared, stored};

/// Tells how many requests of the client have had no answer in time.
struct Watch(watch::Sender<u64>);

impl ClientContext for Watch {
    fn stats(&self, statistics: Statistics) {
        let unanswered = statistics
            .brokers
            .values()
            .map(|broker| broker.req_timeouts);
        self.0.send_replace(unanswered.sum());
    }
}

/// A producer that has sent o-1 and then o-2, when Kafka stood still.
struct Stalled {
    kafka: Broker,
    topic: Topic,
    unanswered: watch::Receiver<u64>,
    // It would take o-2 with it.
    _producer: FutureProducer<Watch>,
    sent: DeliveryFuture,
}

async fn stalled(settings: Settings<'_>) -> Stalled {
    let mut kafka = private().await;
    let topic = Topic::new(kafka.url(), &[]).await;
    let (tell, unanswered) = watch::channel(0);
    let mut config = topic.config(settings);
    config.set("statistics.interval.ms", "100");
    let producer: FutureProducer<_> = config.create_with_context(Watch(tell)).unwrap();
    let send = |body: &str| {
        let record = FutureRecord::to(&topic.name).key("o-1").payload(body);
        let sent = producer.send_result(record).map_err(|(error, _)| error);
        sent.unwrap()
    };
    stored(send("o-1")).await;
    pause(&mut kafka).await.unwrap();
    let sent = send("o-2");
    Stalled {
        kafka,
        topic,
        unanswered,
        _producer: producer,
        sent,
    }
}

/// How often Kafka stores an order whose answer comes too late, so that the client repeats it.
async fn stored_after_a_repeat(idempotence: &str) -> usize {
    let mut stalled = stalled(&[
        ("enable.idempotence", idempotence),
        ("acks", "all"),
        ("socket.timeout.ms", "3000"),
    ])
    .await;
    // The order lies in Kafka's socket. The client waits for 3 s, closes the connection, and will
    // repeat the order on another one.
    let unanswered = stalled.unanswered.wait_for(|unanswered| *unanswered > 0);
    timeout(LONG, unanswered).await.unwrap().unwrap();
    stalled.kafka.resume().await.unwrap();
    stored(stalled.sent).await;
    let records = stalled.topic.read().await;
    stalled.kafka.stop().await.unwrap();
    records.iter().filter(|record| record.2 == "o-2").count()
}

/// claim: kafka.idempotence.once
#[tokio::test(flavor = "multi_thread")]
async fn with_idempotence_a_repeat_is_stored_once() {
    assert_eq!(stored_after_a_repeat("true").await, 1);
}

/// claim: kafka.idempotence.once
#[tokio::test(flavor = "multi_thread")]
async fn with_idempotence_a_repeat_is_stored_once_contrast() {
    assert_eq!(stored_after_a_repeat("false").await, 2);
}

/// claim: kafka.report.timeout
/// claim: kafka.report.unknown
#[tokio::test(flavor = "multi_thread")]
async fn a_record_given_up_may_be_stored_all_the_same() {
    let mut stalled = stalled(&[("delivery.timeout.ms", "3000")]).await;
    assert_eq!(
        refused(stalled.sent).await,
        RDKafkaErrorCode::MessageTimedOut
    );
    stalled.kafka.resume().await.unwrap();
    // Kafka takes what lies in its socket, some time after the client has given up.
    let arrives = async { while stalled.topic.read().await.len() < 2 {} };
    timeout(LONG, arrives).await.unwrap();
    stalled.kafka.stop().await.unwrap();
}

/// claim: kafka.report.timeout
#[tokio::test(flavor = "multi_thread")]
async fn a_record_given_up_contrast() {
    let mut stalled = stalled(&[("delivery.timeout.ms", "60000")]).await;
    stalled.kafka.resume().await.unwrap();
    assert_eq!(stored(stalled.sent).await.offset, 1);
    stalled.kafka.stop().await.unwrap();
}

/// claim: kafka.report.unknown
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_kafka_refused_is_not_stored_contrast() {
    let topic = Topic::new(shared().await, &[("max.message.bytes", "2048")]).await;
    let producer = topic.producer(&[]);
    let refused = topic.send(&producer, "o-6", &"sku ".repeat(1000));
    assert!(report(refused).await.is_err());
    topic.store(&producer, &["o-1"]).await;
    let bodies: Vec<String> = topic
        .read()
        .await
        .into_iter()
        .map(|record| record.2)
        .collect();
    assert_eq!(bodies, ["o-1"]);
}
