//! A topic for a test, what is sent to it, and what is in it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use brokers::{Broker, Kind, Options};
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::{Client, DefaultClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::future_producer::Delivery;
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer};
use rdkafka::{ClientConfig, ClientContext, Message, Offset, TopicPartitionList};
use tokio::runtime::Runtime;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Longer than anything here takes; only a test that fails waits so long.
pub const LONG: Duration = Duration::from_secs(60);
pub const PARTITIONS: i32 = 3;

pub type Settings<'a> = &'a [(&'a str, &'a str)];

pub async fn private() -> Broker {
    let options = Options {
        private: true,
        ..Options::default()
    };
    brokers::start(Kind::Kafka, options).await.unwrap()
}

/// The Kafka that the tests share. It lives on a runtime of its own, longer than any test's, and
/// ends with this program.
pub async fn shared() -> &'static str {
    static KAFKA: OnceLock<(Runtime, Broker)> = OnceLock::new();
    let start = || {
        KAFKA.get_or_init(|| {
            let runtime = Runtime::new().unwrap();
            let kafka = runtime.block_on(private());
            know_groups(kafka.url());
            (runtime, kafka)
        })
    };
    spawn_blocking(start).await.unwrap().1.url()
}

/// Kafka makes its own topic for groups when it is first asked about one, and until that is there a
/// consumer hears that nobody looks after its group.
fn know_groups(servers: &str) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    config.set("group.id", "inventory");
    let client: BaseConsumer = config.create().unwrap();
    let mut place = TopicPartitionList::new();
    place.add_partition("orders", 0);
    let begun = Instant::now();
    while let Err(error) = client.committed_offsets(place.clone(), LONG) {
        assert!(begun.elapsed() < LONG, "{error}");
    }
}

/// A topic of three partitions on some Kafka.
pub struct Topic {
    servers: String,
    pub name: String,
}

impl Topic {
    pub async fn new(servers: &str, settings: Settings<'_>) -> Topic {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("orders.{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        Topic::named(servers, name, settings).await
    }

    pub async fn named(servers: &str, name: String, settings: Settings<'_>) -> Topic {
        let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
            .set("bootstrap.servers", servers)
            .create()
            .unwrap();
        let mut topic = NewTopic::new(&name, PARTITIONS, TopicReplication::Fixed(1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let options = AdminOptions::new().operation_timeout(Some(LONG));
        let begun = Instant::now();
        loop {
            let created = admin.create_topics([&topic], &options).await.unwrap();
            match created.into_iter().next().unwrap() {
                Ok(_) => break,
                // No broker counts as alive: its machine had no time for its heartbeats. Each turn waits
                // for Kafka.
                Err((_, RDKafkaErrorCode::InvalidReplicationFactor)) if begun.elapsed() < LONG => {}
                Err((topic, why)) => panic!("{topic}: {why}"),
            }
        }
        let topic = name.clone();
        // The leader of a partition answers this. Until it does, it refuses records as well.
        let ready = move || {
            for partition in 0..PARTITIONS {
                end_of(admin.inner(), &topic, partition);
            }
        };
        spawn_blocking(ready).await.unwrap();
        let servers = servers.to_owned();
        Topic { servers, name }
    }

    /// Deletes it, and makes one with its name.
    pub async fn made_again(self) -> Topic {
        let admin: AdminClient<DefaultClientContext> = self.config(&[]).create().unwrap();
        let options = AdminOptions::new().operation_timeout(Some(LONG));
        let deleted = admin.delete_topics(&[&self.name], &options).await.unwrap();
        deleted.into_iter().next().unwrap().unwrap();
        // Kafka tells of a deletion before all of it has heard of that, and until then the old topic
        // would answer for the new one. All topics are asked for: whoever asks for this one makes it.
        let name = self.name.clone();
        let goes = move || {
            let begun = Instant::now();
            let is_there = || {
                let all = admin.inner().fetch_metadata(None, LONG).unwrap();
                all.topics().iter().any(|topic| topic.name() == name)
            };
            while is_there() {
                assert!(begun.elapsed() < LONG, "{name} does not go");
            }
        };
        spawn_blocking(goes).await.unwrap();
        Topic::named(&self.servers, self.name, &[]).await
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.config(&[]).create().unwrap()
    }

    /// Asks for these settings with `alter_configs`, and says what the client makes of Kafka's answer.
    pub async fn alter(&self, settings: Settings<'_>) -> Result<(), RDKafkaErrorCode> {
        let mut altered = AlterConfig::new(ResourceSpecifier::Topic(&self.name));
        for (key, value) in settings {
            altered = altered.set(key, value);
        }
        let (admin, options) = (self.admin(), AdminOptions::new());
        let answers = admin.alter_configs([&altered], &options).await.unwrap();
        let answer = answers.into_iter().next().unwrap();
        answer.map(drop).map_err(|(_, why)| why)
    }

    /// What one of its settings is.
    pub async fn setting(&self, key: &str) -> String {
        setting_of(&self.admin(), &self.name, key).await
    }

    /// Returns when one of its settings is this: what Kafka has decided, it tells a moment later.
    pub async fn until_set(&self, key: &str, value: &str) {
        let admin = self.admin();
        let comes = async { while setting_of(&admin, &self.name, key).await != value {} };
        timeout(LONG, comes).await.unwrap();
    }

    pub fn config(&self, settings: Settings<'_>) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.servers);
        for (key, value) in settings {
            config.set(*key, *value);
        }
        config
    }

    pub fn producer(&self, settings: Settings<'_>) -> FutureProducer {
        self.config(settings).create().unwrap()
    }

    pub fn send(&self, producer: &FutureProducer, key: &str, body: &str) -> DeliveryFuture {
        let record = FutureRecord::to(&self.name).key(key).payload(body);
        producer
            .send_result(record)
            .map_err(|(error, _)| error)
            .unwrap()
    }

    /// Sends a record without a key to this partition.
    pub fn send_to(&self, producer: &FutureProducer, partition: i32, body: &str) -> DeliveryFuture {
        let record = FutureRecord::<str, str>::to(&self.name).payload(body);
        let sent = producer.send_result(record.partition(partition));
        sent.map_err(|(error, _)| error).unwrap()
    }

    /// Sends a record for each key and waits for the reports.
    pub async fn store(&self, producer: &FutureProducer, keys: &[&str]) -> Vec<Delivery> {
        let sent: Vec<DeliveryFuture> = keys
            .iter()
            .map(|key| self.send(producer, key, key))
            .collect();
        let mut deliveries = Vec::new();
        for report in sent {
            deliveries.push(stored(report).await);
        }
        deliveries
    }

    /// Every record of the topic: partition, offset and body.
    pub async fn read(&self) -> Vec<(i32, i64, String)> {
        let config = self.config(&[("group.id", "inventory"), ("enable.auto.commit", "false")]);
        let topic = self.name.clone();
        let read = move || {
            let consumer: BaseConsumer = config.create().unwrap();
            let (mut all, mut count) = (TopicPartitionList::new(), 0);
            for partition in 0..PARTITIONS {
                all.add_partition_offset(&topic, partition, Offset::Beginning)
                    .unwrap();
                count += end_of(consumer.client(), &topic, partition);
            }
            consumer.assign(&all).unwrap();
            let next = |_| {
                let record = consumer.poll(LONG).unwrap().unwrap();
                let body = String::from_utf8(record.payload().unwrap().to_vec()).unwrap();
                (record.partition(), record.offset(), body)
            };
            (0..count).map(next).collect()
        };
        spawn_blocking(read).await.unwrap()
    }

    /// The body of every record of the topic.
    pub async fn bodies(&self) -> Vec<String> {
        let records = self.read().await.into_iter();
        records.map(|(_, _, body)| body).collect()
    }
}

async fn setting_of(admin: &AdminClient<DefaultClientContext>, topic: &str, key: &str) -> String {
    let (topic, options) = (ResourceSpecifier::Topic(topic), AdminOptions::new());
    let told = admin.describe_configs([&topic], &options).await.unwrap();
    let told = told.into_iter().next().unwrap().unwrap();
    told.get(key).unwrap().value.clone().unwrap()
}

/// The offset behind the last record, once the partition has a leader: a broker that was paused for
/// longer than its session has none of its partitions until it has registered again, and a new
/// topic has no leaders at first.
fn end_of<C: ClientContext>(kafka: &Client<C>, topic: &str, partition: i32) -> i64 {
    let begun = Instant::now();
    loop {
        match kafka.fetch_watermarks(topic, partition, LONG) {
            Ok((_, end)) => return end,
            Err(KafkaError::MetadataFetch(
                RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::UnknownPartition,
            )) if begun.elapsed() < LONG => {}
            Err(error) => panic!("{topic}, partition {partition}: {error}"),
        }
    }
}

/// What the delivery report says.
pub async fn report(sent: DeliveryFuture) -> Result<Delivery, KafkaError> {
    let report = timeout(LONG, sent).await.unwrap().unwrap();
    report.map_err(|(error, _)| error)
}

pub async fn stored(sent: DeliveryFuture) -> Delivery {
    report(sent).await.unwrap()
}

pub async fn refused(sent: DeliveryFuture) -> RDKafkaErrorCode {
    report(sent)
        .await
        .unwrap_err()
        .rdkafka_error_code()
        .unwrap()
}

pub async fn flush(producer: &FutureProducer) {
    let producer = producer.clone();
    spawn_blocking(move || producer.flush(LONG).unwrap())
        .await
        .unwrap();
}

/// Returns when Kafka has dealt with all that this producer wrote: it answers a connection's
/// requests in their order.
pub async fn settled(topic: &Topic, producer: &FutureProducer) {
    let (producer, name) = (producer.clone(), topic.name.clone());
    let ask = move || producer.client().fetch_watermarks(&name, 0, LONG).unwrap();
    spawn_blocking(ask).await.unwrap();
}
