//! The email service: it learns of an order from `order.created`, and writes to the customer at
//! `order.shipped`.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use history::{Event, Log, Verb};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::PATIENCE;

// ANCHOR: read
/// Reads all partitions, partition 0 after the others: the process that has it is slow today.
pub fn read(config: &ClientConfig, topic: &str, partitions: i32, log: &mut Log) -> Result<()> {
    let consumer: BaseConsumer = config.create()?;
    let mut known = BTreeSet::new();
    for partition in (1..partitions).chain([0]) {
        let mut place = TopicPartitionList::new();
        place.add_partition_offset(topic, partition, Offset::Beginning)?;
        let (low, high) = consumer.fetch_watermarks(topic, partition, PATIENCE)?;
        consumer.assign(&place)?;
        for _ in low..high {
            let record = consumer.poll(PATIENCE).context("Kafka sends nothing")??;
            let body = std::str::from_utf8(record.payload().unwrap_or_default())?;
            let (kind, order) = body.split_once(" o-").context("not an event")?;
            let order: u32 = order.parse()?;
            match kind {
                "order.created" => known.insert(order),
                _ => tell(order, known.contains(&order), log),
            };
        }
    }
    Ok(())
}
// ANCHOR_END: read

fn tell(order: u32, is_known: bool, log: &mut Log) -> bool {
    log.event(match is_known {
        true => Event::new("email", Verb::Done, order).text("order.shipped"),
        // It has no address to write to.
        false => {
            Event::new("email", Verb::Failed, order).text("order.shipped: what order is that?")
        }
    });
    is_known
}
