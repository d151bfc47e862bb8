//! Records in and out: the events of the orders, and accounting's snapshots.

use anyhow::{Context, Result, anyhow};
use brokers::Broker;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::OwnedMessage;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
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
        // The end of the log is told, as a kind of error.
        consumer.set("enable.partition.eof", "true");
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
        let mut place = TopicPartitionList::new();
        place.add_partition_offset(topic, 0, Offset::Offset(from))?;
        self.consumer.assign(&place)?;
        let mut records = Vec::new();
        loop {
            let record = timeout(PATIENCE, self.consumer.recv()).await;
            match record.context("Kafka sends nothing")? {
                Ok(record) => records.push(record.detach()),
                // Do not count offsets to find the end: the last one may be a transaction's end, which
                // no reader gets.
                Err(KafkaError::PartitionEOF(_)) => return Ok(records),
                Err(error) => return Err(error.into()),
            }
        }
    }
    // ANCHOR_END: read
}
