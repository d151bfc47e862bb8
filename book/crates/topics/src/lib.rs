//! A Kafka topic that a run makes for itself and takes away, with the groups that read it.
//!
//! What the topic is like, its partitions and settings, stands in the listing: it builds the
//! [`NewTopic`]. Here is the rest: somebody else's topic is left alone, a new one is awaited until it
//! takes records, and its deletion is checked.

mod shop;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
pub use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use tokio::task::spawn_blocking;

pub use shop::Shop;

/// How long to wait for Kafka before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the end of a transaction that is decided may take into the log.
const DECIDED: Duration = Duration::from_secs(10);

/// How often to ask a consumer whether it is closed.
const CLOSING: Duration = Duration::from_millis(1);

/// A topic that this run made. A clone is the same topic.
#[derive(Clone)]
pub struct Topic {
    /// Its name on the broker.
    pub name: String,
    servers: String,
    partitions: i32,
    admin: Arc<AdminClient<DefaultClientContext>>,
}

/// What a topic holds in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The partition.
    pub partition: i32,
    /// Its place in the partition.
    pub offset: i64,
    /// The key as text; empty where there is none.
    pub key: String,
    /// The value as text; empty where there is none.
    pub value: String,
}

impl Topic {
    /// Makes the topic.
    ///
    /// # Errors
    /// When a topic of this name is there already, which is somebody else's and stays as it is, or
    /// when Kafka refuses it or does not answer in time.
    pub async fn create(servers: &str, topic: NewTopic<'_>) -> Result<Topic> {
        let admin: AdminClient<_> = ClientConfig::new()
            .set("bootstrap.servers", servers)
            .create()?;
        let name = topic.name.to_owned();
        let begun = Instant::now();
        loop {
            let created = admin.create_topics([&topic], &options()).await;
            match created.context("cannot create the topic")?.pop() {
                Some(Ok(_)) => break,
                Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => bail!(
                    "this Kafka has a topic {name} already, and it is not this run's to use: wait for \
                     another run to end, delete the topic, or take another Kafka"
                ),
                // As many replicas as the broker wants are too many where no broker counts as alive:
                // the only one has just started, or its machine had no time for its heartbeats. Each
                // turn waits for Kafka.
                Some(Err((_, RDKafkaErrorCode::InvalidReplicationFactor)))
                    if matches!(topic.replication, TopicReplication::Fixed(-1))
                        && begun.elapsed() < PATIENCE => {}
                refused => bail!("cannot create the topic {name}: {refused:?}"),
            }
        }
        Ok(Topic {
            name,
            servers: servers.to_owned(),
            partitions: topic.num_partitions,
            admin: Arc::new(admin),
        })
    }

    /// Returns when each partition has a leader that knows that it is one. Until then it refuses
    /// records.
    ///
    /// # Errors
    /// When one has none in time.
    pub async fn ready(&self) -> Result<()> {
        let (admin, name, partitions) = (self.admin.clone(), self.name.clone(), self.partitions);
        let wait = move || {
            let begun = Instant::now();
            for partition in 0..partitions {
                // The leader itself answers this, so each turn of the loop waits for Kafka.
                let ask = || admin.inner().fetch_watermarks(&name, partition, PATIENCE);
                while let Err(error) = ask() {
                    let patient = begun.elapsed() < PATIENCE;
                    ensure!(patient, "the topic has no leader: {error}");
                }
            }
            Ok(())
        };
        spawn_blocking(wait).await?
    }

    /// All that the topic holds, partition by partition, without what a transaction has not committed.
    /// No group is told of it.
    ///
    /// Those who wrote it have ended. A transaction that is open all the same is waited for, 10 s at most.
    ///
    /// # Errors
    /// When Kafka does not answer in time.
    pub async fn records(&self) -> Result<Vec<Record>> {
        let topic = self.clone();
        let read = move || {
            topic.decided()?;
            topic.read()
        };
        spawn_blocking(read).await?
    }

    /// The same while somebody may be writing: what is committed by now.
    async fn so_far(&self) -> Result<Vec<Record>> {
        let topic = self.clone();
        spawn_blocking(move || topic.read()).await?
    }

    /// Returns when no transaction is open, or when one stays so. Kafka says that a transaction is
    /// committed before its end is in the log, and until that is there, nobody gets what it holds.
    fn decided(&self) -> Result<()> {
        let client = |isolation: &str| -> Result<BaseConsumer> {
            let mut config = ClientConfig::new();
            config.set("bootstrap.servers", &self.servers);
            config.set("isolation.level", isolation);
            Ok(config.create()?)
        };
        let (committed, all) = (client("read_committed")?, client("read_uncommitted")?);
        let mut since = None;
        for partition in 0..self.partitions {
            let end = |of: &BaseConsumer| of.fetch_watermarks(&self.name, partition, PATIENCE);
            // The leader itself answers this, so each turn of the loop waits for Kafka. The time counts
            // from the first answers that differ, so the first two may be as slow as they like.
            while end(&committed)?.1 < end(&all)?.1 {
                if since.get_or_insert_with(Instant::now).elapsed() > DECIDED {
                    break;
                }
            }
        }
        Ok(())
    }

    fn read(&self) -> Result<Vec<Record>> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.servers)
            .set("group.id", &self.name)
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            // So long does Kafka wait for records that are not there before it says so.
            .set("fetch.wait.max.ms", "10")
            .create()?;
        let mut places = TopicPartitionList::new();
        for partition in 0..self.partitions {
            // The client does not know the topic yet. Who asks for its leader waits for it; a
            // place without a known leader is looked at again half a second later.
            let (first, _) = consumer.fetch_watermarks(&self.name, partition, PATIENCE)?;
            places.add_partition_offset(&self.name, partition, Offset::Offset(first))?;
        }
        consumer.assign(&places)?;
        let (mut records, mut left) = (Vec::new(), self.partitions);
        while left > 0 {
            let polled = consumer.poll(PATIENCE).context("Kafka sends nothing")?;
            let record = match polled {
                Err(KafkaError::PartitionEOF(_)) => {
                    left -= 1;
                    continue;
                }
                record => record?,
            };
            let text = |bytes: Option<&[u8]>| {
                String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
            };
            records.push(Record {
                partition: record.partition(),
                offset: record.offset(),
                key: text(record.key()),
                value: text(record.payload()),
            });
        }
        // A consumer that is dropped unclosed waits 100 ms, in rdkafka 0.39, for an event that does not
        // come.
        consumer.close_queue()?;
        let closing = Instant::now();
        while !consumer.closed() && closing.elapsed() < PATIENCE {
            consumer.poll(CLOSING);
        }
        records.sort_by_key(|record| (record.partition, record.offset));
        Ok(records)
    }

    /// Gives this setting of the topic another value. All others go back to their defaults.
    ///
    /// # Errors
    /// When Kafka refuses it or does not answer in time.
    pub async fn set(&self, name: &str, value: &str) -> Result<()> {
        let change = AlterConfig::new(ResourceSpecifier::Topic(&self.name)).set(name, value);
        let changed = self.admin.alter_configs([&change], &options()).await;
        match changed.context("cannot change the topic")?.pop() {
            Some(Ok(_)) => Ok(()),
            refused => bail!("cannot change the topic {}: {refused:?}", self.name),
        }
    }

    /// Deletes consumer groups that this run made. A group that never came to be is none to delete.
    ///
    /// # Errors
    /// When somebody is still in a group, or Kafka does not answer in time.
    pub async fn delete_groups(&self, groups: &[&str]) -> Result<()> {
        let begun = Instant::now();
        for group in groups {
            loop {
                let deleted = self.admin.delete_groups(&[group], &options()).await;
                match deleted.context("cannot delete the group")?.pop() {
                    None | Some(Ok(_) | Err((_, RDKafkaErrorCode::GroupIdNotFound))) => break,
                    // Whoever has just left may still be counted, and a broker that has just become
                    // the group's coordinator reads first what is known of it. Each turn waits for
                    // Kafka.
                    Some(Err((
                        _,
                        RDKafkaErrorCode::NonEmptyGroup
                        | RDKafkaErrorCode::CoordinatorLoadInProgress
                        | RDKafkaErrorCode::CoordinatorNotAvailable
                        | RDKafkaErrorCode::NotCoordinator,
                    ))) if begun.elapsed() < PATIENCE => {}
                    Some(Err((name, why))) => bail!("cannot delete the group {name}: {why}"),
                }
            }
        }
        Ok(())
    }

    /// Deletes it with all that is in it. Kafka forgets what groups have committed for it, too.
    ///
    /// # Errors
    /// When Kafka refuses or does not answer in time.
    pub async fn delete(self) -> Result<()> {
        let deleted = self.admin.delete_topics(&[&self.name], &options()).await;
        let admin = self.admin;
        // Its end takes up to 100 ms in rdkafka 0.39, and nobody needs to wait for it.
        drop(thread::Builder::new().spawn(move || drop(admin)));
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
