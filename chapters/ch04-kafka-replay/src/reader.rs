//! A service that reads the topic: its group, its position, and what it does with a record.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use brokers::Broker;
use history::{Event, Log, Verb};
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::message::BorrowedMessage;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use tokio::task::block_in_place;
use tokio::time::timeout;

use crate::PATIENCE;

/// The records whose work is done, by their address; `None` where the service keeps no such list.
pub type Done = Option<BTreeSet<(i32, i64)>>;

/// A member of a group, or an operator who acts in the group's name.
pub struct Reader {
    /// The topic that it reads.
    pub topic: String,
    lane: &'static str,
    consumer: StreamConsumer,
}

impl Reader {
    /// A client in the name of this service's group. It is no member yet.
    pub fn new(kafka: &Broker, topic: &str, lane: &'static str) -> Result<Reader> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", kafka.url());
        // ANCHOR: group
        config.set("group.id", kafka.name(lane));
        // Where a group begins that has no position yet. The default is `latest`: at the end.
        config.set("auto.offset.reset", "earliest");
        config.set("enable.auto.commit", "false");
        // ANCHOR_END: group
        Ok(Reader {
            lane,
            topic: topic.to_owned(),
            consumer: config.create()?,
        })
    }

    /// Reads up to what is the end of the log now. `done` is kept with the work, in the service's
    /// database.
    pub async fn read(&self, done: &mut Done, log: &mut Log) -> Result<()> {
        let ask = || self.consumer.fetch_watermarks(&self.topic, 0, PATIENCE);
        let (_, end) = block_in_place(ask)?;
        // ANCHOR: read
        let mut next = 0;
        while next < end {
            let record = timeout(PATIENCE, self.consumer.recv()).await;
            let record = record.context("Kafka sends nothing")??;
            self.handle(&record, done, log)?;
            next = record.offset() + 1;
            // The position of the group: the offset behind this record.
            block_in_place(|| self.consumer.commit_message(&record, CommitMode::Sync))?;
        }
        // ANCHOR_END: read
        Ok(())
    }

    fn handle(&self, record: &BorrowedMessage<'_>, done: &mut Done, log: &mut Log) -> Result<()> {
        let body = record.payload().context("an order is empty")?;
        let number = std::str::from_utf8(body)?.strip_prefix("o-");
        let order = number.context("not an order")?.parse()?;
        let event = |verb| Event::new(self.lane, verb, order);
        // ANCHOR: once
        log.event(event(Verb::Got));
        // The same record has the same address whenever it is read.
        let address = (record.partition(), record.offset());
        match done.as_mut().is_none_or(|done| done.insert(address)) {
            true => log.event(event(Verb::Done)),
            false => log.remark(self.lane, &format!("o-{order} is done already")),
        }
        // ANCHOR_END: once
        Ok(())
    }

    /// Joins the group, which gives it the topic's partition.
    pub fn join(&self) -> Result<()> {
        self.consumer.subscribe(&[&self.topic])?;
        Ok(())
    }

    // ANCHOR: by-time
    /// The offset of the first record of this time or later. Blocks its thread.
    pub fn offset_at(&self, time: i64) -> Result<Offset> {
        // The end is asked first, so that no order of this time comes between the two answers.
        let (_, end) = self.consumer.fetch_watermarks(&self.topic, 0, PATIENCE)?;
        let mut asked = TopicPartitionList::new();
        // The call takes the time in the field of the offset, in milliseconds since 1970.
        asked.add_partition_offset(&self.topic, 0, Offset::Offset(time))?;
        let told = self.consumer.offsets_for_times(asked, PATIENCE)?;
        let partition = told.find_partition(&self.topic, 0);
        let partition = partition.context("Kafka has left it out")?;
        partition.error()?;
        match partition.offset() {
            // All records are older. That is no number, and the client leaves it out of a commit.
            Offset::End => Ok(Offset::Offset(end)),
            offset => Ok(offset),
        }
    }
    // ANCHOR_END: by-time

    // ANCHOR: reset
    /// Sets the position of the group, which has no members now. Blocks its thread.
    pub fn reset(&self, to: Offset) -> Result<()> {
        let mut position = TopicPartitionList::new();
        position.add_partition_offset(&self.topic, 0, to)?;
        self.consumer.commit(&position, CommitMode::Sync)?;
        Ok(())
    }
    // ANCHOR_END: reset

    // ANCHOR: seek
    /// Jumps. The group's position stays where it is until the next commit. Blocks its thread.
    pub fn seek(&self, to: Offset) -> Result<()> {
        self.consumer.seek(&self.topic, 0, to, PATIENCE)?;
        Ok(())
    }
    // ANCHOR_END: seek

    /// Tells the group's position and the end of the log. Blocks its thread.
    pub fn tell(&self, log: &mut Log) -> Result<()> {
        let mut asked = TopicPartitionList::new();
        asked.add_partition(&self.topic, 0);
        let told = self.consumer.committed_offsets(asked, PATIENCE)?;
        let partition = told.find_partition(&self.topic, 0);
        let (_, end) = self.consumer.fetch_watermarks(&self.topic, 0, PATIENCE)?;
        if let Offset::Offset(next) = partition.context("Kafka has left it out")?.offset() {
            log.remark("kafka", &format!("{} is at {next} of {end}", self.lane));
        }
        Ok(())
    }
}
