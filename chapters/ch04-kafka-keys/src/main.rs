//! Kafka keys: which partition an event goes to, and what breaks up the events of one order.
//!
//! ```console
//! cargo run -p ch04-kafka-keys
//! cargo run -p ch04-kafka-keys -- --hash consistent_random
//! cargo run -p ch04-kafka-keys -- --partitions 4
//! ```

mod args;
mod email;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use args::{Args, Hash, Key};
use brokers::Broker;
use clap::Parser;
use history::{Event, Log, Verb};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use tokio::task::block_in_place;
use topics::Topic;

/// How long to wait for Kafka before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many partitions the topic has at first.
const PARTITIONS: i32 = 3;
const ORDERS: u32 = 6;

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let kafka = brokers::kafka().await?;
    let name = kafka.name("orders");
    // -1: as many replicas as the cluster's default says.
    let topic = NewTopic::new(&name, PARTITIONS, TopicReplication::Fixed(-1));
    let topic = Topic::create(kafka.url(), topic).await?;
    let mut log = Log::new();
    let outcome = tokio::select! {
        // In this order: where both are ready, the signal counts.
        biased;
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
        outcome = trade(&args, &kafka, &topic, &mut log) => outcome,
    };
    topic.delete().await?;
    kafka.stop().await?;
    outcome?;
    log.finish(&[])?;
    Ok(())
}

async fn trade(args: &Args, kafka: &Broker, topic: &Topic, log: &mut Log) -> Result<()> {
    topic.ready().await?;
    let (topic, partitions) = (&topic.name, args.partitions.count());
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.url());
    // ANCHOR: trade
    let orders = producer(&config, Hash::Murmur2)?;
    for order in 1..=ORDERS {
        publish(&orders, topic, args.key, order, "order.created", log).await?;
    }
    if partitions > PARTITIONS {
        grow(&config, topic, partitions).await?;
    }
    let inventory = producer(&config, args.hash)?;
    for order in 1..=ORDERS {
        publish(&inventory, topic, args.key, order, "order.shipped", log).await?;
    }
    // ANCHOR_END: trade
    for partition in 0..partitions {
        // Not the orders service's client: for some minutes that one does not know a new partition.
        let ask = || {
            inventory
                .client()
                .fetch_watermarks(topic, partition, PATIENCE)
        };
        let (_, end) = block_in_place(ask)?;
        let share = format!("has {end} of {}", 2 * ORDERS);
        log.remark(&format!("partition {partition}"), &share);
    }
    config.set("group.id", kafka.name("email"));
    config.set("enable.auto.commit", "false");
    block_in_place(|| email::read(&config, topic, partitions, log))
}

// ANCHOR: hash
fn producer(config: &ClientConfig, hash: Hash) -> Result<FutureProducer> {
    let mut config = config.clone();
    config.set("enable.idempotence", "true");
    config.set("partitioner", hash.value());
    config.create().context("these settings do not go together")
}
// ANCHOR_END: hash

async fn publish(
    producer: &FutureProducer,
    topic: &str,
    key: Key,
    order: u32,
    kind: &str,
    log: &mut Log,
) -> Result<()> {
    // ANCHOR: publish
    let key = match key {
        Key::Order => format!("o-{order}"),
        // Orders 1 to 4 are of one big customer, 5 and 6 of one each.
        Key::Customer => format!("customer-{}", order.saturating_sub(3).max(1)),
    };
    let body = format!("{kind} o-{order}");
    let record = FutureRecord::to(topic).key(&key).payload(&body);
    let delivered = producer.send(record, PATIENCE).await;
    let stored = delivered.map_err(|(error, _)| anyhow!("{body} is not stored: {error}"))?;
    let lane = format!("partition {}", stored.partition);
    log.event(Event::new(lane, Verb::Stored, order).text(kind));
    // ANCHOR_END: publish
    Ok(())
}

// ANCHOR: grow
async fn grow(config: &ClientConfig, topic: &str, partitions: i32) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    let more = NewPartitions::new(topic, usize::try_from(partitions)?);
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let grown = admin.create_partitions([&more], &options).await;
    match grown.context("cannot add a partition")?.pop() {
        Some(Ok(_)) => {}
        refused => bail!("cannot add a partition to {topic}: {refused:?}"),
    }
    // ANCHOR_END: grow
    let begun = Instant::now();
    // Returns when the new partition has a leader. Each turn asks anew, since a client keeps what it
    // has heard of a topic, and then waits for that leader's answer.
    let ask = || {
        admin.inner().fetch_metadata(Some(topic), PATIENCE)?;
        let last = partitions - 1;
        admin.inner().fetch_watermarks(topic, last, PATIENCE)
    };
    while let Err(error) = block_in_place(ask) {
        let patient = begun.elapsed() < PATIENCE;
        ensure!(patient, "the new partition has no leader: {error}");
    }
    Ok(())
}
