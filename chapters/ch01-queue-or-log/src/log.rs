//! A log: messages stay where they are, and each reader has a place in it. Here a topic of Kafka.

use anyhow::{Context, Result, anyhow};
use brokers::Broker;
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use tokio::task::block_in_place;
use tokio::time::timeout;
use topics::Topic;

use crate::{AFTERNOON, Day, MORNING, PATIENCE, or_interrupted, order_of};

/// The day, on a topic that is deleted at its end.
pub async fn day(day: &mut Day) -> Result<()> {
    let kafka = brokers::kafka().await?;
    let name = kafka.name("orders");
    // A topic may consist of several logs, its partitions. This one is a single log.
    let topic = NewTopic::new(&name, 1, TopicReplication::Fixed(-1));
    let topic = Topic::create(kafka.url(), topic).await?;
    let outcome = or_interrupted(trade(&kafka, &topic, day)).await;
    let groups = ["inventory", "analytics", "accounting"].map(|service| kafka.name(service));
    let groups = groups.each_ref().map(String::as_str);
    topic.delete_groups(&groups).await?;
    topic.delete().await?;
    kafka.stop().await?;
    outcome
}

async fn trade(kafka: &Broker, topic: &Topic, day: &mut Day) -> Result<()> {
    topic.ready().await?;
    let topic = &topic.name;
    // ANCHOR: log
    let inventory = reader(kafka, topic, "inventory")?;
    publish(kafka, topic, &MORNING, day).await?;
    for order in to_the_end(&inventory, topic).await? {
        day.got("inventory", order);
    }
    let analytics = reader(kafka, topic, "analytics")?;
    day.says("analytics", "reads from the beginning");
    publish(kafka, topic, &AFTERNOON, day).await?;
    for order in to_the_end(&inventory, topic).await? {
        day.got("inventory", order);
    }
    for order in to_the_end(&analytics, topic).await? {
        day.got("analytics", order);
    }
    // ANCHOR_END: log
    let accounting = reader(kafka, topic, "accounting")?;
    let again = to_the_end(&accounting, topic).await?.len();
    let keeps = block_in_place(|| -> Result<i64> {
        day.says("kafka", &place(&inventory, topic, "inventory")?);
        day.says("kafka", &place(&analytics, topic, "analytics")?);
        let (first, end) = accounting.fetch_watermarks(topic, 0, PATIENCE)?;
        // They say goodbye to their groups here, which waits for Kafka.
        drop((inventory, analytics, accounting));
        Ok(end - first)
    })?;
    day.ends("kafka", keeps.try_into()?, again);
    Ok(())
}

// ANCHOR: reader
/// A reader with a place of its own: its group, whose place Kafka keeps.
fn reader(kafka: &Broker, topic: &str, group: &str) -> Result<StreamConsumer> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.url());
    config.set("group.id", kafka.name(group));
    // Where a group begins that has no place yet. The default is `latest`: at the end.
    config.set("auto.offset.reset", "earliest");
    config.set("enable.auto.commit", "false");
    let reader: StreamConsumer = config.create()?;
    reader.subscribe(&[topic])?;
    Ok(reader)
}
// ANCHOR_END: reader

async fn publish(kafka: &Broker, topic: &str, orders: &[u32], day: &mut Day) -> Result<()> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.url());
    config.set("enable.idempotence", "true");
    let producer: FutureProducer = config.create()?;
    for order in orders {
        let body = format!("o-{order}");
        let record = FutureRecord::to(topic).key(&body).payload(&body);
        let stored = producer.send(record, PATIENCE).await;
        stored.map_err(|(error, _)| anyhow!("o-{order} is not stored: {error}"))?;
        day.sent(*order);
    }
    Ok(())
}

/// What this reader has not read yet.
async fn to_the_end(reader: &StreamConsumer, topic: &str) -> Result<Vec<u32>> {
    let (_, end) = block_in_place(|| reader.fetch_watermarks(topic, 0, PATIENCE))?;
    let mut orders = Vec::new();
    loop {
        // ANCHOR: commit
        let record = timeout(PATIENCE, reader.recv()).await;
        let record = record.context("no message comes")??;
        orders.push(order_of(record.payload().context("an order is empty")?)?);
        if record.offset() + 1 == end {
            // The place is one number, the offset of what comes next: all before it has been read.
            block_in_place(|| reader.commit_message(&record, CommitMode::Sync))?;
            return Ok(orders);
        }
        // ANCHOR_END: commit
    }
}

/// What Kafka has noted for this reader's group.
fn place(reader: &StreamConsumer, topic: &str, group: &str) -> Result<String> {
    let mut asked = TopicPartitionList::new();
    asked.add_partition(topic, 0);
    let told = reader.committed_offsets(asked, PATIENCE)?;
    let partition = told.find_partition(topic, 0);
    match partition.context("Kafka has left it out")?.offset() {
        Offset::Offset(next) => Ok(format!("{group} is at {next}")),
        _ => Ok(format!("{group} has no place")),
    }
}
