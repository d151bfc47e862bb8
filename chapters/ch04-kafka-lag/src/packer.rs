//! A consumer of the inventory service, with a queue of its own between Kafka and the work.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, Result};
use history::{Event, Log, Verb};
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::task::block_in_place;
use tokio::time::timeout;

use crate::args::Commit;
use crate::{PARTITION, PATIENCE};

/// How often a consumer that joins looks whether it has.
const TICK: Duration = Duration::from_millis(50);

/// A consumer and what it has taken and not packed yet.
pub struct Packer {
    lane: String,
    commit: Commit,
    topic: String,
    consumer: StreamConsumer,
    queue: VecDeque<(u32, i64)>,
}

impl Packer {
    /// Joins the group.
    pub fn start(
        lane: &str,
        commit: Commit,
        url: &str,
        topic: &str,
        group: &str,
    ) -> Result<Packer> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", url);
        config.set("group.id", group);
        config.set("group.protocol", "consumer");
        config.set("auto.offset.reset", "earliest");
        config.set("enable.auto.commit", "false");
        let consumer: StreamConsumer = config.create()?;
        consumer.subscribe(&[topic])?;
        Ok(Packer {
            lane: lane.to_owned(),
            commit,
            topic: topic.to_owned(),
            consumer,
            queue: VecDeque::new(),
        })
    }

    // ANCHOR: take
    /// Takes the next order from Kafka into this process.
    pub async fn take(&mut self, log: &mut Log) -> Result<()> {
        let record = timeout(PATIENCE, self.consumer.recv()).await;
        let record = record.context("no order comes")??;
        let order = crate::order_of(record.payload().context("an order is empty")?)?;
        log.event(Event::new(&self.lane, Verb::Got, order));
        self.queue.push_back((order, record.offset()));
        if self.commit == Commit::Taken {
            self.commit(record.offset())?;
        }
        Ok(())
    }

    /// Packs the order that has waited longest in this process.
    pub fn pack(&mut self, log: &mut Log) -> Result<()> {
        let (order, offset) = self.queue.pop_front().context("nothing to pack")?;
        log.event(Event::new(&self.lane, Verb::Done, order));
        if self.commit == Commit::Done {
            self.commit(offset)?;
        }
        Ok(())
    }
    // ANCHOR_END: take

    fn commit(&self, offset: i64) -> Result<()> {
        let mut next = TopicPartitionList::new();
        next.add_partition_offset(&self.topic, PARTITION, Offset::Offset(offset + 1))?;
        block_in_place(|| self.consumer.commit(&next, CommitMode::Sync))?;
        Ok(())
    }

    /// Tells the consumer's position: the offset of the next record that it will take.
    pub fn position(&self, log: &mut Log) -> Result<()> {
        let told = self.consumer.position()?;
        let told = told.find_partition(&self.topic, PARTITION);
        if let Offset::Offset(next) = told.context("the partition is not ours")?.offset() {
            let waiting = self.queue.len();
            log.remark(
                &self.lane,
                &format!("is at {next}, {waiting} of them not packed"),
            );
        }
        Ok(())
    }

    /// Returns when it has the partition. A consumer that ends while it joins cannot say goodbye, and
    /// Kafka counts it as a member until its session is over.
    pub async fn joined(&self) -> Result<()> {
        let joined = async {
            while self.consumer.assignment()?.count() == 0 {
                // The client hears of its partitions while it is asked for records.
                if let Ok(record) = timeout(TICK, self.consumer.recv()).await {
                    record?;
                }
            }
            anyhow::Ok(())
        };
        let joined = timeout(PATIENCE, joined).await;
        joined.context("Kafka gives it no partition")?
    }

    /// Ends it. What is in its queue is gone.
    pub fn end(self) {
        block_in_place(|| drop(self.consumer));
    }
}
