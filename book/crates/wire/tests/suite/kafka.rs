//! The proxy before a real Kafka, with librdkafka.

use std::time::{Duration, Instant};

use brokers::{Broker, Kind, Options};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::{ClientConfig, Message, TopicPartitionList};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use topics::{NewTopic, Topic, TopicReplication};
use wire::{Frame, Proxy, Way, kafka};

use crate::LONG;

/// A Kafka starts slowly, so all tests here use one; it ends with this program.
async fn broker() -> &'static Broker {
    static BROKER: OnceCell<Broker> = OnceCell::const_new();
    let start = async || {
        let broker = brokers::start(Kind::Kafka, Options::default()).await;
        broker.unwrap()
    };
    BROKER.get_or_init(start).await
}

/// A topic of one partition, and a group that reads it.
struct Shop {
    topic: Topic,
    group: String,
    servers: String,
}

impl Shop {
    /// A shop whose clients find Kafka at `servers`.
    async fn open(name: &str, servers: &str) -> Shop {
        let kafka = broker().await;
        let name = kafka.name(&format!("orders-{name}"));
        let shape = NewTopic::new(&name, 1, TopicReplication::Fixed(-1));
        let topic = Topic::create(kafka.url(), shape).await.unwrap();
        topic.ready().await.unwrap();
        let shop = Shop {
            topic,
            group: name,
            servers: servers.to_owned(),
        };
        shop.coordinated(kafka.url()).await;
        shop
    }

    /// Returns when the group has a coordinator. A Kafka that has just started says for a moment: not
    /// yet, and a consumer that joins then waits long before it asks again.
    async fn coordinated(&self, servers: &str) {
        let mut config = self.config();
        config.set("bootstrap.servers", servers);
        let (consumer, name): (BaseConsumer, _) =
            (config.create().unwrap(), self.topic.name.clone());
        let ask = move || {
            let mut place = TopicPartitionList::new();
            place.add_partition(&name, 0);
            let begun = Instant::now();
            while consumer.committed_offsets(place.clone(), LONG).is_err() {
                assert!(begun.elapsed() < LONG);
            }
        };
        spawn_blocking(ask).await.unwrap();
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.servers)
            .set("client.id", "shop")
            .set("group.id", &self.group)
            .set("auto.offset.reset", "earliest")
            .set("enable.auto.commit", "false");
        config
    }

    /// Stores orders, one batch each.
    async fn store(&self, orders: &[&str]) {
        let producer: FutureProducer = self.config().create().unwrap();
        for order in orders {
            let record = FutureRecord::to(&self.topic.name)
                .key(*order)
                .payload("created");
            producer.send(record, LONG).await.unwrap();
        }
        let flush = move || producer.flush(LONG);
        spawn_blocking(flush).await.unwrap().unwrap();
    }

    /// Reads so many records as a group's only member, and commits its place.
    async fn consume(&self, count: usize) {
        let (consumer, topic): (BaseConsumer, _) =
            (self.config().create().unwrap(), self.topic.name.clone());
        let consume = move || {
            consumer.subscribe(&[&topic]).unwrap();
            let begun = Instant::now();
            for _ in 0..count {
                let record = loop {
                    assert!(begun.elapsed() < LONG);
                    if let Some(Ok(record)) = consumer.poll(Duration::from_millis(100)) {
                        break record;
                    }
                };
                assert_eq!(record.payload(), Some(&b"created"[..]));
                consumer.commit_message(&record, CommitMode::Sync).unwrap();
            }
        };
        spawn_blocking(consume).await.unwrap();
    }

    async fn end(self) {
        self.topic.delete_groups(&[&self.group]).await.unwrap();
        self.topic.delete().await.unwrap();
    }
}

/// Two proxies in a row. The inner one tells clients its own ports, as a broker does: whoever went
/// around the outer one would be counted by the inner one alone.
#[tokio::test(flavor = "multi_thread")]
async fn no_client_goes_to_a_brokers_own_port() {
    let inner = Proxy::kafka(broker().await.url()).await.unwrap();
    let outer = Proxy::kafka(inner.url()).await.unwrap();
    // The outer one has looked if it is there.
    let around = |inner: &Proxy| inner.connected() - 1 - outer.connected();
    let mut shop = Shop::open("around", outer.url()).await;
    shop.store(&["o-1", "o-2"]).await;
    shop.consume(2).await;
    for kind in [kafka::PRODUCED, kafka::FETCHED, kafka::OFFSET_COMMITTED] {
        assert!(outer.count(kind) > 0, "{kind}");
    }
    assert!(outer.count(kafka::FIND_COORDINATOR) > 0);
    assert!(outer.connected() > 3, "connections to what Metadata tells");
    assert_eq!(around(&inner), 0);
    // The count is one that sees it: such a client is told of the inner one's ports.
    shop.servers = inner.url().to_owned();
    shop.store(&["o-3"]).await;
    assert!(around(&inner) >= 2, "the bootstrap and the leader");
    shop.end().await;
    outer.stop().await.unwrap();
    inner.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_read_and_committed_is_on_record() {
    let wire = Proxy::kafka(broker().await.url()).await.unwrap();
    let shop = Shop::open("record", wire.url()).await;
    shop.store(&["o-1", "o-2"]).await;
    shop.consume(2).await;
    let frames = wire.frames();
    let partitions = |kind, way| {
        let kind = move |frame: &&Frame| frame.kind == kind && frame.way == way;
        let topic = shop.topic.name.clone();
        let all = frames
            .iter()
            .filter(kind)
            .map(|frame| frame.kafka().unwrap());
        let all = all.flat_map(|fields| fields.partitions.clone());
        all.filter(move |partition| partition.topic == topic)
            .collect::<Vec<_>>()
    };
    let sent = partitions(kafka::PRODUCE, Way::ToBroker);
    let keys: Vec<_> = sent.iter().map(|it| it.kept[0].key.as_deref()).collect();
    assert_eq!(keys, [Some(&b"o-1"[..]), Some(b"o-2")]);
    assert_eq!(sent[0].kept[0].value.as_deref(), Some(&b"created"[..]));
    let stored = partitions(kafka::PRODUCED, Way::ToClient);
    let offsets: Vec<_> = stored.iter().map(|it| (it.offset, it.error)).collect();
    assert_eq!(offsets, [(Some(0), 0), (Some(1), 0)]);
    let read = partitions(kafka::FETCHED, Way::ToClient);
    let count: u32 = read.iter().map(|it| it.records).sum();
    let kept: Vec<_> = read
        .iter()
        .flat_map(|it| &it.kept)
        .map(|it| it.offset)
        .collect();
    assert_eq!((count, kept), (2, vec![0, 1]));
    let committed = partitions(kafka::OFFSET_COMMIT, Way::ToBroker);
    let committed: Vec<_> = committed.iter().map(|it| it.offset).collect();
    assert_eq!(committed, [Some(1), Some(2)]);
    let commit = frames
        .iter()
        .find(|frame| frame.kind == kafka::OFFSET_COMMIT);
    let commit = commit.unwrap().kafka().unwrap();
    assert_eq!(commit.group.as_deref(), Some(&*shop.group));
    assert_eq!(commit.client.as_deref(), Some("shop"));
    assert!(commit.generation.is_some_and(|generation| generation > 0));
    assert!(
        commit
            .member
            .as_deref()
            .is_some_and(|member| member.starts_with("shop-"))
    );
    shop.end().await;
    wire.stop().await.unwrap();
}
