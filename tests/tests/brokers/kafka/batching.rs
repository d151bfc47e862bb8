//! ch04-kafka-batching: what makes a batch, what is in one, and what compression makes of it.

use std::time::{Duration, Instant};

use rdkafka::Statistics;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::group::PARTITION;
use super::topic::{LONG, PARTITIONS, Settings, Topic, flush, shared, stored};

/// What a producer has sent.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    requests: i64,
    batches: i64,
    records: i64,
    bytes: i64,
}

struct Counter(watch::Sender<Counts>);

impl ClientContext for Counter {
    fn stats(&self, statistics: Statistics) {
        let brokers = statistics.brokers.values();
        let produce = brokers.filter_map(|broker| broker.req.get("Produce"));
        self.0.send_modify(|counts| {
            counts.requests = produce.sum();
            for topic in statistics.topics.values() {
                counts.batches += topic.batchcnt.cnt;
                counts.records += topic.batchcnt.sum;
                counts.bytes += topic.batchsize.sum;
            }
        });
    }
}

/// How the orders are sent.
#[derive(Clone, Copy)]
enum How {
    OneByOne,
    Together,
    Tasks,
}

fn send(
    producer: &FutureProducer<Counter>,
    topic: &str,
    partition: i32,
    order: u32,
) -> DeliveryFuture {
    let body = format!("order.created o-{order}, a body that says much the same each time");
    // Of one moment, so that a test's bytes do not depend on the clock.
    let record = FutureRecord::<str, str>::to(topic).payload(&body);
    let record = record.partition(partition).timestamp(1_767_603_600_000);
    let sent = producer.send_result(record).map_err(|(error, _)| error);
    sent.unwrap()
}

/// Sends these orders, to as many partitions in turn, and counts.
async fn counted(how: How, orders: u32, partitions: i32, settings: Settings<'_>) -> Counts {
    // What is so old would be deleted.
    let topic = Topic::new(shared().await, &[("retention.ms", "-1")]).await;
    let (tell, mut counts) = watch::channel(Counts::default());
    let mut config = topic.config(&[("linger.ms", "500"), ("statistics.interval.ms", "50")]);
    for (key, value) in settings {
        config.set(*key, *value);
    }
    let producer: FutureProducer<Counter> = config.create_with_context(Counter(tell)).unwrap();
    let mut reports = Vec::new();
    let mut tasks = JoinSet::new();
    for order in 0..orders {
        let partition = i32::try_from(order).unwrap() % partitions;
        match how {
            How::OneByOne => {
                stored(send(&producer, &topic.name, partition, order)).await;
            }
            How::Together => reports.push(send(&producer, &topic.name, partition, order)),
            How::Tasks => {
                let (producer, name) = (producer.clone(), topic.name.clone());
                tasks.spawn(async move { stored(send(&producer, &name, partition, order)).await });
            }
        }
    }
    for report in reports {
        stored(report).await;
    }
    tasks.join_all().await;
    let all = counts.wait_for(|counts| counts.records == i64::from(orders));
    timeout(LONG, all).await.unwrap().unwrap();
    // A batch is counted before the request that takes it away. The next report has both.
    timeout(LONG, counts.changed()).await.unwrap().unwrap();
    *counts.borrow()
}

const QUICK: (&str, &str) = ("linger.ms", "0");

/// claim: kafka.batch.one-by-one
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_each_sends_batches_of_one() {
    let counts = counted(How::OneByOne, 20, 1, &[QUICK]).await;
    assert_eq!((counts.requests, counts.batches), (20, 20));
}

/// claim: kafka.batch.one-by-one
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_each_sends_batches_of_one_contrast() {
    let counts = counted(How::Together, 20, 1, &[]).await;
    assert_eq!((counts.requests, counts.batches), (1, 1));
}

/// claim: kafka.batch.tasks
#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_wait_for_their_own_share_a_batch() {
    let counts = counted(How::Tasks, 20, 1, &[]).await;
    assert_eq!((counts.requests, counts.batches), (1, 1));
}

/// claim: kafka.batch.tasks
#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_wait_for_their_own_share_a_batch_contrast() {
    let counts = counted(How::OneByOne, 20, 1, &[QUICK]).await;
    assert_eq!((counts.requests, counts.batches), (20, 20));
}

/// claim: kafka.batch.partition
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_and_a_request_are_of_one_partition() {
    let counts = counted(How::Together, 21, PARTITIONS, &[]).await;
    assert_eq!((counts.requests, counts.batches), (3, 3));
}

/// claim: kafka.batch.partition
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_and_a_request_are_of_one_partition_contrast() {
    let counts = counted(How::Together, 21, 1, &[]).await;
    assert_eq!((counts.requests, counts.batches), (1, 1));
}

/// A topic, and a producer that sends what fills a batch: no test outlives its linger.
async fn patient(full: (&str, &str)) -> (Topic, FutureProducer) {
    let topic = Topic::new(shared().await, &[]).await;
    let producer = topic.producer(&[
        ("linger.ms", "600000"),
        ("delivery.timeout.ms", "900000"),
        full,
    ]);
    (topic, producer)
}

/// claim: kafka.batch.size
#[tokio::test(flavor = "multi_thread")]
async fn a_full_batch_goes() {
    let (topic, producer) = patient(("batch.num.messages", "10")).await;
    topic.store(&producer, &["o-1"; 10]).await;
    let (topic, producer) = patient(("batch.size", "1")).await;
    topic.store(&producer, &["o-1"]).await;
}

/// claim: kafka.batch.size
#[tokio::test(flavor = "multi_thread")]
async fn a_full_batch_goes_contrast() {
    let (topic, producer) = patient(("batch.num.messages", "10")).await;
    // From here on the producer knows where the orders go, and is connected.
    topic.store(&producer, &["o-1"; 10]).await;
    let nine = (0..9).map(|_| topic.send(&producer, "o-1", "o-1"));
    let mut nine: Vec<DeliveryFuture> = nine.collect();
    let goes = timeout(Duration::from_secs(2), &mut nine[0]).await;
    assert!(goes.is_err());
    flush(&producer).await;
    for report in nine {
        stored(report).await;
    }
}

/// claim: kafka.batch.head
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_a_head_of_61_bytes() {
    let single = counted(How::OneByOne, 20, 1, &[QUICK]).await;
    let together = counted(How::Together, 20, 1, &[]).await;
    assert_eq!(single.bytes - together.bytes, 19 * 61);
}

/// claim: kafka.batch.head
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_a_head_of_61_bytes_contrast() {
    let two = counted(How::Together, 20, 2, &[]).await;
    let one = counted(How::Together, 20, 1, &[]).await;
    assert_eq!(two.bytes - one.bytes, 61);
}

/// claim: kafka.compression.batch
#[tokio::test(flavor = "multi_thread")]
async fn compression_works_on_a_batch() {
    let plain = counted(How::Together, 60, 1, &[]).await;
    let small = counted(How::Together, 60, 1, &[("compression.type", "lz4")]).await;
    assert!(small.bytes < plain.bytes / 2, "{small:?} {plain:?}");
}

/// claim: kafka.compression.batch
#[tokio::test(flavor = "multi_thread")]
async fn compression_works_on_a_batch_contrast() {
    let plain = counted(How::OneByOne, 20, 1, &[QUICK]).await;
    let lz4 = counted(How::OneByOne, 20, 1, &[QUICK, ("compression.type", "lz4")]).await;
    // Nothing is repeated in an order alone, so it goes out as it is.
    assert_eq!(lz4.bytes, plain.bytes);
}

/// How long it takes until an order alone is stored.
async fn alone(linger: &str, flushed: bool) -> Duration {
    let topic = Topic::new(shared().await, &[]).await;
    let producer = topic.producer(&[("linger.ms", linger)]);
    let begun = Instant::now();
    let sent = topic.send(&producer, "o-1", "o-1");
    if flushed {
        flush(&producer).await;
    }
    stored(sent).await;
    begun.elapsed()
}

/// claim: kafka.linger.waits
#[tokio::test(flavor = "multi_thread")]
async fn an_order_alone_waits_for_others() {
    assert!(alone("700", false).await >= Duration::from_millis(700));
}

/// claim: kafka.linger.waits
#[tokio::test(flavor = "multi_thread")]
async fn a_flush_ends_the_wait_contrast() {
    assert!(alone("120000", true).await < LONG);
}

/// What the client says to the eleventh order when its queue has room for so many.
async fn eleventh(room: &str) -> Result<(), KafkaError> {
    let topic = Topic::new(shared().await, &[]).await;
    let producer = topic.producer(&[
        ("linger.ms", "120000"),
        ("queue.buffering.max.messages", room),
    ]);
    let send = || {
        let record = FutureRecord::<str, str>::to(&topic.name).payload("order");
        let sent = producer.send_result(record.partition(PARTITION));
        sent.map(drop).map_err(|(error, _)| error)
    };
    for _ in 0..10 {
        send().unwrap();
    }
    send()
}

/// claim: kafka.queue.full
#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_an_error_at_once() {
    let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
    assert_eq!(eleventh("10").await, Err(full));
}

/// claim: kafka.queue.full
#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_an_error_at_once_contrast() {
    assert_eq!(eleventh("11").await, Ok(()));
}
