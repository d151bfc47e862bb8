//! Kafka: two offsets, and the difference that everybody calls lag.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, bail};
use brokers::Broker;
use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::task::block_in_place;
use tokio::time::timeout;
use topics::Topic;

use crate::args::Takes;
use crate::site::{PATIENCE, Scrape, Site, order_of};

/// The topic has one partition. With more, each has its own lag.
const PARTITION: i32 = 0;

pub struct Shop {
    kafka: Broker,
    topic: Topic,
    group: String,
    takes: Takes,
    producer: FutureProducer,
    inventory: StreamConsumer,
    /// Asks from outside, and is no member of the group.
    monitor: BaseConsumer,
    held: BTreeMap<u32, i64>,
    metrics: Metrics,
}

/// Under the names of kafka_exporter.
struct Metrics {
    registry: Registry,
    end: Gauge,
    committed: Gauge,
    lag: Gauge,
}

impl Metrics {
    fn new() -> Metrics {
        let (end, committed, lag) = (Gauge::default(), Gauge::default(), Gauge::default());
        // The names as a topic and a group of your own have them. On a Kafka that others use as
        // well this run's have a prefix.
        let labels = [("topic", "orders"), ("partition", "0")];
        let labels = labels.map(|(name, value)| (name.into(), value.into()));
        let mut registry = Registry::with_labels(labels.into_iter());
        let name = "kafka_topic_partition_current_offset";
        registry.register(name, "The end of the log", end.clone());
        let label = ("consumergroup".into(), "inventory".into());
        let group = registry.sub_registry_with_label(label);
        let name = "kafka_consumergroup_current_offset";
        group.register(name, "Committed by the group", committed.clone());
        group.register("kafka_consumergroup_lag", "The difference", lag.clone());
        Metrics {
            registry,
            end,
            committed,
            lag,
        }
    }
}

impl Shop {
    pub async fn open(takes: Takes) -> Result<Shop> {
        let kafka = brokers::kafka().await?;
        let name = kafka.name("orders");
        // -1: as many replicas as the cluster's default says.
        let topic = NewTopic::new(&name, 1, TopicReplication::Fixed(-1));
        let topic = Topic::create(kafka.url(), topic).await?;
        let group = kafka.name("inventory");
        let made = topic.ready().await.and_then(|()| {
            let mut config = ClientConfig::new();
            config.set("bootstrap.servers", kafka.url());
            let producer = config.clone().set("enable.idempotence", "true").create()?;
            config.set("group.id", &group);
            let mut monitor = config.clone();
            // Up to the last record that is there, also behind a transaction that is still open.
            monitor.set("isolation.level", "read_uncommitted");
            monitor.set("enable.auto.commit", "false");
            let auto = if takes == Takes::All { "true" } else { "false" };
            config.set("enable.auto.commit", auto);
            config.set("auto.offset.reset", "earliest");
            config.set("group.protocol", "consumer");
            let inventory: StreamConsumer = config.create()?;
            inventory.subscribe(&[&name])?;
            Ok((producer, inventory, monitor.create()?))
        });
        let (producer, inventory, monitor) = match made {
            Ok(made) => made,
            Err(error) => {
                topic.delete().await?;
                return Err(error);
            }
        };
        Ok(Shop {
            kafka,
            topic,
            group,
            takes,
            producer,
            inventory,
            monitor,
            held: BTreeMap::new(),
            metrics: Metrics::new(),
        })
    }

    fn place(&self, offset: Offset) -> Result<TopicPartitionList> {
        let mut place = TopicPartitionList::new();
        place.add_partition_offset(&self.topic.name, PARTITION, offset)?;
        Ok(place)
    }
}

impl Site for Shop {
    const LANE: &'static str = "kafka";

    async fn store(&mut self, order: u32) -> Result<()> {
        let body = format!("o-{order}");
        let record = FutureRecord::to(&self.topic.name).key(&body).payload(&body);
        let delivered = self.producer.send(record, PATIENCE).await;
        delivered.map_err(|(error, _)| anyhow!("o-{order} is not stored: {error}"))?;
        Ok(())
    }

    // ANCHOR: take
    async fn take(&mut self, count: usize) -> Result<Vec<u32>> {
        let mut orders = Vec::new();
        for _ in 0..count {
            let record = timeout(PATIENCE, self.inventory.recv()).await;
            let record = record.context("no order comes")??;
            let order = order_of(record.payload().context("an order is empty")?)?;
            self.held.insert(order, record.offset());
            orders.push(order);
        }
        if self.takes == Takes::All {
            // What auto-commit does every 5 s, here at a moment that we know.
            let commit = || self.inventory.commit_consumer_state(CommitMode::Sync);
            match block_in_place(commit) {
                // It is committed up to here already.
                Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
                committed => committed?,
            }
        }
        Ok(orders)
    }
    // ANCHOR_END: take

    async fn done(&mut self, order: u32) -> Result<()> {
        let offset = self.held.remove(&order).context("nothing to commit")?;
        if self.takes == Takes::One {
            let next = self.place(Offset::Offset(offset + 1))?;
            block_in_place(|| self.inventory.commit(&next, CommitMode::Sync))?;
        }
        Ok(())
    }

    async fn again(&mut self, order: u32) -> Result<Vec<u32>> {
        let offset = *self.held.get(&order).context("nothing to read again")?;
        // Kafka takes nothing back. The client goes to the record again, and to all behind it.
        let place = self.place(Offset::Offset(offset))?;
        block_in_place(|| self.inventory.seek_partitions(place, PATIENCE))?;
        self.take(self.held.len()).await
    }

    // ANCHOR: scrape
    async fn scrape(&mut self) -> Result<Scrape> {
        let (end, told) = block_in_place(|| -> Result<_> {
            let name = &self.topic.name;
            let (_, end) = self.monitor.fetch_watermarks(name, PARTITION, PATIENCE)?;
            let asked = self.place(Offset::Invalid)?;
            Ok((end, self.monitor.committed_offsets(asked, PATIENCE)?))
        })?;
        let told = told.find_partition(&self.topic.name, PARTITION);
        let Offset::Offset(committed) = told.context("Kafka has left it out")?.offset() else {
            bail!("the group has committed nothing");
        };
        self.metrics.end.set(end);
        self.metrics.committed.set(committed);
        self.metrics.lag.set(end - committed);
        let mut text = String::new();
        encode(&mut text, &self.metrics.registry)?;
        Ok(Scrape {
            text,
            depth: end - committed,
            // Kafka keeps no account of what a consumer has and has not done.
            held: 0,
            finished: committed,
        })
    }
    // ANCHOR_END: scrape

    async fn close(self) -> Result<()> {
        block_in_place(|| drop(self.inventory));
        self.topic.delete_groups(&[&self.group]).await?;
        self.topic.delete().await?;
        self.kafka.stop().await?;
        Ok(())
    }
}
