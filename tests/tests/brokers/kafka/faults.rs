//! What becomes of an order when Kafka stands still while it is sent.

use std::time::Duration;

use brokers::Broker;
use futures_util::FutureExt;
use rdkafka::Statistics;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use wire::kafka::PRODUCED;
use wire::{Proxy, Way};

use super::topic::{LONG, Settings, Topic, private, refused, report, shared, stored};

/// For how long the client waits, in milliseconds. Kafka has to go on within 3 s, or it holds itself
/// for dead.
const SHORT: &str = "500";

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
    // How many there were when Kafka stopped.
    before: u64,
    // It would take o-2 with it.
    producer: FutureProducer<Watch>,
    sent: DeliveryFuture,
}

impl Stalled {
    async fn flush(&self, patience: Duration) -> KafkaResult<()> {
        let producer = self.producer.clone();
        let flush = move || producer.flush(patience);
        spawn_blocking(flush).await.unwrap()
    }

    /// Whether o-2 has its report, and if so, whether that is a good one.
    fn reported(&mut self) -> Option<bool> {
        let report = (&mut self.sent).now_or_never()?;
        Some(report.unwrap().is_ok())
    }
}

async fn stalled(settings: Settings<'_>) -> Stalled {
    let mut kafka = private().await;
    let topic = Topic::new(kafka.url(), &[]).await;
    let (tell, mut unanswered) = watch::channel(0);
    let mut config = topic.config(settings);
    config.set("statistics.interval.ms", "100");
    let producer: FutureProducer<_> = config.create_with_context(Watch(tell)).unwrap();
    let send = |body: &str| {
        let record = FutureRecord::to(&topic.name).key("o-1").payload(body);
        let sent = producer.send_result(record).map_err(|(error, _)| error);
        sent.unwrap()
    };
    // The timeouts of these tests are short, and the first order may take longer. Any number of
    // attempts will do: what counts is that the connection stands.
    let connected = async { while report(send("o-1")).await.is_err() {} };
    timeout(LONG, connected).await.unwrap();
    // The second count from here is one that was made when the connection stood.
    for _ in 0..2 {
        timeout(LONG, unanswered.changed()).await.unwrap().unwrap();
    }
    let before = *unanswered.borrow();
    kafka.pause().await.unwrap();
    let sent = send("o-2");
    Stalled {
        kafka,
        topic,
        unanswered,
        before,
        producer,
        sent,
    }
}

/// How often Kafka stores an order whose answer comes too late, so that the client repeats it.
async fn stored_after_a_repeat(idempotence: &str) -> usize {
    let mut stalled = stalled(&[
        ("enable.idempotence", idempotence),
        ("acks", "all"),
        ("socket.timeout.ms", SHORT),
    ])
    .await;
    // The order lies in Kafka's socket. The client waits, closes the connection, and will repeat
    // the order on another one.
    let before = stalled.before;
    let unanswered = stalled.unanswered.wait_for(|count| *count > before);
    timeout(LONG, unanswered).await.unwrap().unwrap();
    stalled.kafka.resume().await.unwrap();
    stored(stalled.sent).await;
    let copies = copies(&stalled.topic).await;
    stalled.kafka.stop().await.unwrap();
    copies
}

/// How often o-2 is in the topic.
async fn copies(topic: &Topic) -> usize {
    let records = topic.read().await;
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
    let topic = Topic::new(shared().await, &[]).await;
    let wire = Proxy::kafka(shared().await).await.unwrap();
    let mut config = topic.config(&[("delivery.timeout.ms", "5000")]);
    config.set("bootstrap.servers", wire.url());
    let producer: FutureProducer = config.create().unwrap();
    stored(topic.send(&producer, "o-1", "o-1")).await;
    let mut held = wire.hold(PRODUCED, 1);
    let sent = topic.send(&producer, "o-1", "o-2");
    // Kafka has stored o-2, and its answer does not come through, nor does any other.
    timeout(LONG, held.reached()).await.unwrap().unwrap();
    wire.partition(Way::ToClient);
    assert_eq!(refused(sent).await, RDKafkaErrorCode::MessageTimedOut);
    assert_eq!(copies(&topic).await, 1);
    wire.stop().await.unwrap();
}

/// claim: kafka.report.timeout
#[tokio::test(flavor = "multi_thread")]
async fn a_record_given_up_contrast() {
    let mut stalled = stalled(&[("delivery.timeout.ms", "60000")]).await;
    stalled.kafka.resume().await.unwrap();
    stored(stalled.sent).await;
    assert_eq!(copies(&stalled.topic).await, 1);
    stalled.kafka.stop().await.unwrap();
}

/// claim: kafka.flush.gives-up
#[tokio::test(flavor = "multi_thread")]
async fn a_flush_that_gives_up_leaves_a_record_without_its_report() {
    let mut stalled = stalled(&[("delivery.timeout.ms", "60000")]).await;
    let flushed = stalled.flush(Duration::from_millis(100)).await;
    let gives_up = KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut);
    assert_eq!(flushed, Err(gives_up));
    assert_eq!(stalled.reported(), None);
    stalled.kafka.resume().await.unwrap();
    stored(stalled.sent).await;
    stalled.kafka.stop().await.unwrap();
}

/// claim: kafka.flush.gives-up
#[tokio::test(flavor = "multi_thread")]
async fn a_flush_that_gives_up_leaves_a_record_without_its_report_contrast() {
    let mut stalled = stalled(&[("delivery.timeout.ms", SHORT)]).await;
    // It is longer than the record's own limit, so it ends with the report.
    assert_eq!(stalled.flush(LONG).await, Ok(()));
    assert_eq!(stalled.reported(), Some(false));
    stalled.kafka.resume().await.unwrap();
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
    assert_eq!(topic.bodies().await, ["o-1"]);
}
