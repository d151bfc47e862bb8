//! A look at the group from outside, as a monitor has it.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use history::Log;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::{PARTITION, PATIENCE};

/// Asks about the group without being a member of it.
pub struct Watch {
    kafka: BaseConsumer,
    topic: String,
}

impl Watch {
    /// Watches this group's reading of this topic.
    pub fn new(servers: &str, topic: &str, group: &str) -> Result<Watch> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", servers);
        config.set("group.id", group);
        config.set("enable.auto.commit", "false");
        // Up to the last record that is there, also behind a transaction that is still open.
        config.set("isolation.level", "read_uncommitted");
        // Where the group's next record is deleted already, read the oldest one that is left.
        config.set("auto.offset.reset", "earliest");
        let (kafka, topic) = (config.create()?, topic.to_owned());
        Ok(Watch { kafka, topic })
    }

    // ANCHOR: lag
    /// Tells the lag of the group and returns it: how many offsets are between the one that the group
    /// has committed and the end of the log. None where it has committed nothing.
    pub fn lag(&self, log: &mut Log) -> Result<Option<i64>> {
        let (kafka, mut asked) = (&self.kafka, TopicPartitionList::new());
        asked.add_partition(&self.topic, PARTITION);
        let told = kafka.committed_offsets(asked, PATIENCE)?;
        // After that: an end asked before could be behind what is committed meanwhile.
        let (_, end) = kafka.fetch_watermarks(&self.topic, PARTITION, PATIENCE)?;
        let told = told.find_partition(&self.topic, PARTITION);
        let Offset::Offset(next) = told.context("Kafka has left it out")?.offset() else {
            // Not the same as 0. What waits for this group depends on where it will begin.
            log.remark("kafka", &format!("no lag: nothing committed, end {end}"));
            return Ok(None);
        };
        let lag = end - next;
        let mut text = format!("lag {lag}: committed {next}, end {end}");
        if lag > 0
            && let Some(age) = self.age(next)?
        {
            text += &format!(", oldest {} min old", age.as_secs() / 60);
        }
        log.remark("kafka", &text);
        Ok(Some(lag))
    }
    // ANCHOR_END: lag

    // ANCHOR: age
    /// How old the record at this offset is. None where only a transaction's end is there, which no
    /// reader gets.
    fn age(&self, offset: i64) -> Result<Option<Duration>> {
        let mut place = TopicPartitionList::new();
        place.add_partition_offset(&self.topic, PARTITION, Offset::Offset(offset))?;
        // Reads this one record. Without a subscription this client is no member.
        self.kafka.assign(&place)?;
        let record = self.kafka.poll(PATIENCE).transpose()?;
        let time = record.and_then(|record| record.timestamp().to_millis());
        self.kafka.unassign()?;
        let Some(time) = time else { return Ok(None) };
        let now = SystemTime::UNIX_EPOCH.elapsed()?;
        Ok(Some(
            now.saturating_sub(Duration::from_millis(time.try_into()?)),
        ))
    }
    // ANCHOR_END: age
}
