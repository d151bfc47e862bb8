//! Records in and out: the events of the orders, and accounting's snapshots.

use anyhow::{Context, Result, anyhow};
use brokers::Broker;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::task::block_in_place;
use tokio::time::timeout;

use crate::PATIENCE;

/// A client that reads and one that writes.
pub struct Client {
    consumer: StreamConsumer,
    producer: FutureProducer,
}

impl Client {
    /// Connects.
    pub fn new(kafka: &Broker) -> Result<Client> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", kafka.url());
        let mut consumer = config.clone();
        // The client wants a name for the group. This one leaves no position in Kafka: where to go on
        // stands in the snapshot.
        consumer.set("group.id", kafka.name("accounting"));
        consumer.set("enable.auto.commit", "false");
        // An offset that the log no longer has is an error, not a jump.
        consumer.set("auto.offset.reset", "error");
        // How long Kafka thinks when nothing more is there. The default is 500 ms.
        consumer.set("fetch.wait.max.ms", "100");
        config.set("enable.idempotence", "true");
        Ok(Client {
            consumer: consumer.create()?,
            producer: config.create()?,
        })
    }

    /// Stores a record of this time, in milliseconds since 1970, and gives its offset.
    pub async fn store(&self, topic: &str, key: &str, body: &str, time: i64) -> Result<i64> {
        let record = FutureRecord::to(topic)
            .key(key)
            .payload(body)
            .timestamp(time);
        let delivered = self.producer.send(record, PATIENCE).await;
        let stored = delivered.map_err(|(error, _)| anyhow!("{key} is not stored: {error}"))?;
        Ok(stored.offset)
    }

    // ANCHOR: read
    /// The records from this offset to the end of the log.
    pub async fn read(&self, topic: &str, from: i64) -> Result<Vec<OwnedMessage>> {
        let ask = || self.consumer.fetch_watermarks(topic, 0, PATIENCE);
        let (_, end) = block_in_place(ask)?;
        let mut place = TopicPartitionList::new();
        place.add_partition_offset(topic, 0, Offset::Offset(from))?;
        self.consumer.assign(&place)?;
        let (mut records, mut next) = (Vec::new(), from);
        while next < end {
            let record = timeout(PATIENCE, self.consumer.recv()).await;
            let record = record.context("Kafka sends nothing")??.detach();
            next = record.offset() + 1;
            records.push(record);
        }
        Ok(records)
    }
    // ANCHOR_END: read
}
