//! ch04-kafka-keys: where a key goes, and what changes that.

use std::collections::{BTreeMap, BTreeSet};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::topic::{LONG, PARTITIONS, Settings, Topic, flush, shared, stored};

const JAVA: Settings<'static> = &[("partitioner", "murmur2_random"), ("linger.ms", "50")];

async fn topic() -> Topic {
    Topic::new(shared().await, &[]).await
}

/// Gives the topic so many partitions, and waits for the leader of the last one.
async fn grow(topic: &Topic, partitions: i32) -> Result<(), RDKafkaErrorCode> {
    let admin: AdminClient<DefaultClientContext> = topic.config(&[]).create().unwrap();
    let more = NewPartitions::new(&topic.name, usize::try_from(partitions).unwrap());
    let options = AdminOptions::new().operation_timeout(Some(LONG));
    let grown = admin.create_partitions([&more], &options).await.unwrap();
    grown.into_iter().next().unwrap().map_err(|(_, why)| why)?;
    let name = topic.name.clone();
    let wait = move || {
        let kafka = admin.inner();
        // A client keeps what it has heard of a topic, so each turn asks anew.
        while kafka.fetch_metadata(Some(&name), LONG).is_err()
            || kafka.fetch_watermarks(&name, partitions - 1, LONG).is_err()
        {}
    };
    spawn_blocking(wait).await.unwrap();
    Ok(())
}

/// The partition of each of these keys, by sending a record with each.
async fn partitions(topic: &Topic, producer: &FutureProducer, keys: &[String]) -> Vec<i32> {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let reports = topic.store(producer, &keys).await;
    reports.iter().map(|report| report.partition).collect()
}

fn orders(count: u32) -> Vec<String> {
    (1..=count).map(|order| format!("o-{order}")).collect()
}

/// How many of 1,000 keys go elsewhere when a topic of three partitions gets so many.
async fn moved(count: i32) -> usize {
    let (topic, keys) = (topic().await, orders(1000));
    let before = partitions(&topic, &topic.producer(JAVA), &keys).await;
    if count > PARTITIONS {
        grow(&topic, count).await.unwrap();
    }
    let after = partitions(&topic, &topic.producer(JAVA), &keys).await;
    // What was there has not moved.
    let read = topic.read().await;
    for (key, partition) in keys.iter().zip(&before) {
        let is_there = |record: &&(i32, i64, String)| record.0 == *partition && record.2 == *key;
        assert!(read.iter().any(|record| is_there(&record)), "{key}");
    }
    before.iter().zip(after).filter(|(a, b)| *a != b).count()
}

/// claim: kafka.keys.more-partitions
#[tokio::test(flavor = "multi_thread")]
async fn more_partitions_move_keys() {
    let (one_more, double) = (moved(4).await, moved(6).await);
    assert!((700..800).contains(&one_more), "{one_more}");
    assert!((450..550).contains(&double), "{double}");
}

/// claim: kafka.keys.more-partitions
#[tokio::test(flavor = "multi_thread")]
async fn more_partitions_move_keys_contrast() {
    assert_eq!(moved(PARTITIONS).await, 0);
}

/// Where a producer puts o-1 that has known the topic before it got a fourth partition, and knows
/// it anew after so many milliseconds.
async fn of_an_old_producer(refresh: &str) -> i32 {
    let topic = topic().await;
    let producer = topic.producer(&[JAVA[0], ("topic.metadata.refresh.interval.ms", refresh)]);
    let keys = orders(1);
    assert_eq!(partitions(&topic, &producer, &keys).await, [0]);
    grow(&topic, 4).await.unwrap();
    let mut last = 0;
    // Many times, so that a short interval passes meanwhile.
    for _ in 0..300 {
        last = partitions(&topic, &producer, &keys).await[0];
        if last != 0 {
            break;
        }
    }
    last
}

/// claim: kafka.keys.old-producer
#[tokio::test(flavor = "multi_thread")]
async fn a_running_producer_does_not_see_the_new_partition() {
    assert_eq!(of_an_old_producer("300000").await, 0);
}

/// claim: kafka.keys.old-producer
#[tokio::test(flavor = "multi_thread")]
async fn a_running_producer_does_not_see_the_new_partition_contrast() {
    assert_eq!(of_an_old_producer("20").await, 2);
}

/// claim: kafka.keys.no-fewer
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_cannot_have_fewer_partitions() {
    let refused = grow(&topic().await, 2).await;
    assert_eq!(refused, Err(RDKafkaErrorCode::InvalidPartitions));
}

/// claim: kafka.keys.no-fewer
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_cannot_have_fewer_partitions_contrast() {
    assert_eq!(grow(&topic().await, 4).await, Ok(()));
}

/// How many of these records each partition gets, the largest share first.
async fn shares(keys: &[String]) -> Vec<usize> {
    let topic = topic().await;
    let mut shares: BTreeMap<i32, usize> = BTreeMap::new();
    for partition in partitions(&topic, &topic.producer(JAVA), keys).await {
        *shares.entry(partition).or_default() += 1;
    }
    let mut shares: Vec<usize> = shares.into_values().collect();
    shares.sort_unstable();
    shares.reverse();
    shares
}

/// claim: kafka.keys.hot
#[tokio::test(flavor = "multi_thread")]
async fn a_hot_key_makes_a_hot_partition() {
    // One customer has 600 of 1,000 orders.
    let customer = |order: u32| format!("customer-{}", order.saturating_sub(600));
    let keys: Vec<String> = (1..=1000).map(customer).collect();
    let shares = shares(&keys).await;
    assert!(shares[0] > 700, "{shares:?}");
}

/// claim: kafka.keys.hot
#[tokio::test(flavor = "multi_thread")]
async fn a_hot_key_makes_a_hot_partition_contrast() {
    let shares = shares(&orders(1000)).await;
    assert!(
        shares.iter().all(|share| (280..390).contains(share)),
        "{shares:?}"
    );
}

/// Where a record with the key o-1 goes that names this partition, or none.
async fn named(partition: Option<i32>) -> i32 {
    let topic = topic().await;
    let mut record = FutureRecord::to(&topic.name).key("o-1").payload("o-1");
    if let Some(partition) = partition {
        record = record.partition(partition);
    }
    let producer = topic.producer(JAVA);
    let sent = producer.send_result(record).map_err(|(error, _)| error);
    stored(sent.unwrap()).await.partition
}

/// claim: kafka.keys.named-partition
#[tokio::test(flavor = "multi_thread")]
async fn a_named_partition_goes_before_the_key() {
    assert_eq!(named(Some(2)).await, 2);
}

/// claim: kafka.keys.named-partition
#[tokio::test(flavor = "multi_thread")]
async fn a_named_partition_goes_before_the_key_contrast() {
    assert_eq!(named(None).await, 0);
}

/// Sends an order without a key, to no partition in particular.
fn without_key(topic: &Topic, producer: &FutureProducer) -> DeliveryFuture {
    let record = FutureRecord::<str, str>::to(&topic.name).payload("order");
    let sent = producer.send_result(record).map_err(|(error, _)| error);
    sent.unwrap()
}

/// A producer of this linger that knows all leaders: one that does not looks for a partition that has
/// one.
async fn acquainted(topic: &Topic, linger: &str) -> FutureProducer {
    let producer = topic.producer(&[("linger.ms", linger)]);
    let send = |partition| topic.send_to(&producer, partition, "order");
    let sent: Vec<DeliveryFuture> = (0..PARTITIONS).map(send).collect();
    flush(&producer).await;
    for report in sent {
        stored(report).await;
    }
    producer
}

/// claim: kafka.keys.sticky
#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_a_producer_stays_with_a_partition() {
    let topic = topic().await;
    // It stays for 2 min.
    let producer = acquainted(&topic, "60000").await;
    let send = |_| without_key(&topic, &producer);
    let sent: Vec<DeliveryFuture> = (0..100).map(send).collect();
    flush(&producer).await;
    let mut used = BTreeSet::new();
    for report in sent {
        used.insert(stored(report).await.partition);
    }
    assert_eq!(used.len(), 1, "{used:?}");
}

/// claim: kafka.keys.sticky
#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_a_producer_stays_with_a_partition_contrast() {
    let topic = topic().await;
    // It stays for 2 ms.
    let producer = acquainted(&topic, "1").await;
    let mut used = BTreeSet::new();
    let all = async {
        while used.len() < 3 {
            used.insert(stored(without_key(&topic, &producer)).await.partition);
        }
    };
    timeout(LONG, all).await.unwrap();
}
