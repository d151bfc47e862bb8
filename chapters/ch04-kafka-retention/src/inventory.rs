//! The inventory service: it reads the topic and commits after each order.

use anyhow::{Context, Result};
use brokers::Broker;
use history::{Event, Log, Verb};
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use tokio::task::block_in_place;
use tokio::time::timeout;

use crate::PATIENCE;
use crate::args::Reset;

/// The service while it runs.
pub struct Inventory {
    topic: String,
    consumer: StreamConsumer,
}

/// What comes next.
#[derive(PartialEq, Eq)]
pub enum Next {
    /// An order, which is done now
    Order,
    /// Nothing more is there
    End,
    /// The record that the group wants is gone, and there is no rule for that
    Gone,
}

impl Inventory {
    /// Starts the service.
    pub fn start(reset: Reset, kafka: &Broker, topic: &str) -> Result<Inventory> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", kafka.url());
        // ANCHOR: settings
        config.set("group.id", kafka.name("inventory"));
        config.set("enable.auto.commit", "false");
        // Where to go on when the group's position is no offset that the log has, or when there is
        // no position. The default is `latest`.
        config.set("auto.offset.reset", reset.value());
        // ANCHOR_END: settings
        // Tells us when nothing more is there, and soon: by default Kafka thinks for 500 ms.
        config.set("enable.partition.eof", "true");
        config.set("fetch.wait.max.ms", "100");
        let consumer: StreamConsumer = config.create()?;
        consumer.subscribe(&[topic])?;
        let topic = topic.to_owned();
        Ok(Inventory { topic, consumer })
    }

    /// Takes the next order and does the work on it.
    pub async fn next(&self, log: &mut Log) -> Result<Next> {
        let record = timeout(PATIENCE, self.consumer.recv()).await;
        match record.context("Kafka sends nothing")? {
            Ok(record) => {
                let order = crate::order_of(record.payload())?;
                log.event(Event::new("inventory", Verb::Done, order));
                block_in_place(|| self.consumer.commit_message(&record, CommitMode::Sync))?;
                Ok(Next::Order)
            }
            Err(KafkaError::PartitionEOF(_)) => Ok(Next::End),
            Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset)) => {
                Ok(Next::Gone)
            }
            Err(error) => Err(error.into()),
        }
    }

    // ANCHOR: missed
    /// How many offsets are gone that this group has not read. That is as many records, where
    /// neither transactions nor compaction have taken some. Blocks its thread.
    pub fn missed(&self) -> Result<i64> {
        let mut asked = TopicPartitionList::new();
        asked.add_partition(&self.topic, 0);
        let told = self.consumer.committed_offsets(asked, PATIENCE)?;
        let partition = told.find_partition(&self.topic, 0);
        let (start, _) = self.consumer.fetch_watermarks(&self.topic, 0, PATIENCE)?;
        match partition.context("Kafka has left it out")?.offset() {
            Offset::Offset(next) => Ok((start - next).max(0)),
            _ => Ok(0),
        }
    }
    // ANCHOR_END: missed
}
