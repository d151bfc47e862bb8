//! The group as Kafka knows it: what it has committed, and how much is still before it.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use history::Log;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::PATIENCE;

/// A look at the group from outside. It asks in the group's name and does not join it.
pub struct Group {
    kafka: BaseConsumer,
    topic: String,
}

impl Group {
    /// The group of this name.
    pub fn new(servers: &str, topic: &str, group: &str) -> Result<Group> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", servers);
        config.set("group.id", group);
        let (kafka, topic) = (config.create()?, topic.to_owned());
        Ok(Group { kafka, topic })
    }

    /// What the group has committed, the end of the log, and the lag between them.
    pub fn tell(&self, log: &mut Log) -> Result<()> {
        let (_, end) = self.kafka.fetch_watermarks(&self.topic, 0, PATIENCE)?;
        match self.committed()? {
            Some(next) => {
                let lag = end - next;
                log.remark("kafka", &format!("lag {lag}: committed {next}, end {end}"));
            }
            None => log.remark("kafka", &format!("nothing committed, end {end}")),
        }
        Ok(())
    }

    /// The offset that the group has committed: the next one that it reads after a restart.
    pub fn committed(&self) -> Result<Option<i64>> {
        let mut asked = TopicPartitionList::new();
        asked.add_partition(&self.topic, 0);
        let told = self.kafka.committed_offsets(asked, PATIENCE)?;
        let partition = told.find_partition(&self.topic, 0);
        match partition.context("Kafka has left it out")?.offset() {
            Offset::Offset(next) => Ok(Some(next)),
            _ => Ok(None),
        }
    }

    /// Returns when this is committed. Each turn of the loop waits for Kafka.
    pub fn wait_for(&self, next: i64) -> Result<()> {
        let begun = Instant::now();
        while self.committed()? != Some(next) {
            let patient = begun.elapsed() < PATIENCE;
            ensure!(patient, "the group has not committed {next}");
        }
        Ok(())
    }
}
