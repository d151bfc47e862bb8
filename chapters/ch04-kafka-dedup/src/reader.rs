//! What the topic holds: inventory reserves stock for each record that it reads.

use anyhow::{Context, Result};
use brokers::Broker;
use history::{Event, Log, Verb};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use crate::PATIENCE;

/// Reads the topic from its beginning to its end. Blocks its thread.
pub fn inventory(kafka: &Broker, topic: &str, log: &mut Log) -> Result<()> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.url());
    config.set("group.id", kafka.name("inventory"));
    // This reader leaves no mark on Kafka of how far it has read.
    config.set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create()?;
    let (_, end) = consumer.fetch_watermarks(topic, 0, PATIENCE)?;
    let mut place = TopicPartitionList::new();
    place.add_partition_offset(topic, 0, Offset::Beginning)?;
    consumer.assign(&place)?;
    for _ in 0..end {
        let record = consumer.poll(PATIENCE).context("Kafka sends nothing")??;
        let text = format!("stock.reserved, from offset {}", record.offset());
        let order = order_of(record.payload())?;
        log.event(Event::new("inventory", Verb::Done, order).text(text));
    }
    Ok(())
}

fn order_of(body: Option<&[u8]>) -> Result<u32> {
    let body = std::str::from_utf8(body.context("a record is empty")?)?;
    let number = body.strip_prefix("order.created o-");
    Ok(number.context("not an order")?.parse()?)
}
