//! Reads the topic back: what is in it, whatever the producer believes.

use anyhow::{Context, Result};
use brokers::Broker;
use history::{Event, Verb};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{FutureProducer, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use crate::PATIENCE;
use crate::topic::PARTITIONS;

/// The body of an event. Order 6 lists its 1,000 items.
pub fn body(order: u32, kind: &str) -> String {
    let items = if order == 6 { 1000 } else { 1 };
    let items: Vec<String> = (1..=items).map(|item| format!("sku-{item}")).collect();
    format!("{kind} o-{order} {}", items.join(" "))
}

/// Returns when Kafka has dealt with all that this producer wrote to it. With acks=0 nothing else
/// tells: Kafka takes the requests of a connection in their order, so the answer to this question
/// comes after all of them. Blocks its thread.
pub fn settle(producer: &FutureProducer, topic: &str) -> Result<()> {
    for partition in 0..PARTITIONS {
        let kafka = producer.client();
        let marks = kafka.fetch_watermarks(topic, partition, PATIENCE);
        marks.context("Kafka does not answer")?;
    }
    Ok(())
}

/// Every record of the topic, each as got by a reader of its partition. Blocks its thread.
pub fn read_back(kafka: &Broker, topic: &str) -> Result<Vec<Event>> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.url());
    config.set("group.id", kafka.name("inventory"));
    // This reader leaves no mark on Kafka of how far it has read.
    config.set("enable.auto.commit", "false");
    read(&config.create()?, topic)
}

// ANCHOR: read-back
fn read(consumer: &BaseConsumer, topic: &str) -> Result<Vec<Event>> {
    let (mut all, mut records) = (TopicPartitionList::new(), 0);
    for partition in 0..PARTITIONS {
        all.add_partition_offset(topic, partition, Offset::Beginning)?;
        // The high watermark is the offset that the next record will get.
        let (low, high) = consumer.fetch_watermarks(topic, partition, PATIENCE)?;
        records += high - low;
    }
    consumer.assign(&all)?;
    let mut events = Vec::new();
    for _ in 0..records {
        let record = consumer.poll(PATIENCE).context("Kafka sends nothing")??;
        events.push(got(record.partition(), record.payload())?);
    }
    Ok(events)
}
// ANCHOR_END: read-back

fn got(partition: i32, body: Option<&[u8]>) -> Result<Event> {
    let body = std::str::from_utf8(body.unwrap_or_default())?;
    let mut words = body.split(' ');
    let (kind, order) = words.next().zip(words.next()).context("not an event")?;
    let order = order.strip_prefix("o-").context("not an order")?.parse()?;
    Ok(Event::new(format!("partition {partition}"), Verb::Got, order).text(kind))
}
