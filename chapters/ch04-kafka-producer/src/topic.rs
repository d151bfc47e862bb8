//! The topic of this run: made at its beginning, deleted at its end.

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;

use crate::PATIENCE;

/// How many logs the topic consists of. Order is kept inside a partition only.
pub const PARTITIONS: i32 = 3;

/// A topic that this run made.
pub struct Topic {
    /// Its name on the broker.
    pub name: String,
    admin: AdminClient<DefaultClientContext>,
}

impl Topic {
    /// Makes the topic. One that is there already is somebody else's and stays as it is.
    pub async fn create(servers: &str, name: String) -> Result<Topic> {
        let admin: AdminClient<_> = ClientConfig::new()
            .set("bootstrap.servers", servers)
            .create()?;
        // ANCHOR: topology
        // -1: as many replicas as the cluster's default says. On a real cluster that should be 3.
        let topic = NewTopic::new(&name, PARTITIONS, TopicReplication::Fixed(-1))
            // Kafka refuses a batch that is larger than 2 KiB, compressed. The default is 1 MiB.
            .set("max.message.bytes", "2048");
        let created = admin.create_topics([&topic], &options()).await;
        // ANCHOR_END: topology
        match created.context("cannot create the topic")?.pop() {
            Some(Ok(_)) => Ok(Topic { name, admin }),
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => bail!(
                "this Kafka has a topic {name} already, and it is not this run's to use: wait for \
                 another run to end, delete the topic, or take another Kafka"
            ),
            refused => bail!("cannot create the topic {name}: {refused:?}"),
        }
    }

    /// Returns when each partition has a leader that knows that it is one. Until then it refuses
    /// records, and with acks=0 nobody would learn of that. Blocks its thread.
    pub fn wait_for_leaders(&self) -> Result<()> {
        let (kafka, begun) = (self.admin.inner(), Instant::now());
        for partition in 0..PARTITIONS {
            // The leader itself answers this, so each turn of the loop waits for Kafka.
            while let Err(error) = kafka.fetch_watermarks(&self.name, partition, PATIENCE) {
                ensure!(
                    begun.elapsed() < PATIENCE,
                    "the topic has no leader: {error}"
                );
            }
        }
        Ok(())
    }

    /// Deletes it with all that is in it.
    pub async fn delete(self) -> Result<()> {
        let deleted = self.admin.delete_topics(&[&self.name], &options()).await;
        match deleted.context("cannot delete the topic")?.pop() {
            Some(Ok(_)) => Ok(()),
            refused => bail!("cannot delete the topic {}: {refused:?}", self.name),
        }
    }
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(PATIENCE))
        .operation_timeout(Some(PATIENCE))
}
