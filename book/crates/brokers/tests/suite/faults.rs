//! Faults on a NATS and a Kafka that the test owns: what a broker keeps, and what it does not answer.

use std::future::IntoFuture;
use std::time::Duration;

use async_nats::jetstream::{self, stream};
use brokers::{Broker, Error, Kind, Options};
use rdkafka::ClientConfig;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

/// How long nothing may come from a process that is stopped: the fault itself bounds it, so a
/// longer wait could not see more.
const SILENCE: Duration = Duration::from_millis(300);

async fn private(kind: Kind) -> Broker {
    let options = Options {
        private: true,
        ..Options::default()
    };
    brokers::start(kind, options).await.unwrap()
}

/// Nothing listens at the broker's address.
async fn assert_down(broker: &Broker) {
    let address = broker.url().trim_start_matches("nats://").to_owned();
    assert_eq!(broker.pid(), None);
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nothing listens after a kill"
    );
}

/// The broker's process is in state `T`, stopped by a signal.
fn assert_stopped(broker: &Broker) {
    let stat = format!("/proc/{}/stat", broker.pid().unwrap());
    let stat = std::fs::read_to_string(stat).unwrap();
    assert!(stat.rsplit_once(')').unwrap().1.starts_with(" T"), "{stat}");
}

async fn jetstream(broker: &Broker) -> jetstream::Context {
    jetstream::new(async_nats::connect(broker.url()).await.unwrap())
}

async fn shop(context: &jetstream::Context) -> stream::Stream {
    let config = stream::Config {
        name: "SHOP".into(),
        subjects: vec!["order.>".into()],
        ..stream::Config::default()
    };
    context.get_or_create_stream(config).await.unwrap()
}

/// Stores an order and gives its number in the stream.
async fn store(context: &jetstream::Context, order: &'static str) -> u64 {
    let stored = context
        .publish("order.created", order.into())
        .await
        .unwrap();
    timeout(PATIENCE, stored.into_future())
        .await
        .unwrap()
        .unwrap()
        .sequence
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_comes_back_with_its_streams_on_the_same_port() {
    let mut broker = private(Kind::Nats).await;
    let url = broker.url().to_owned();
    let context = jetstream(&broker).await;
    shop(&context).await;
    assert_eq!(store(&context, "o-1").await, 1);
    let before = broker.pid().unwrap();

    broker.restart().await.unwrap();
    assert_ne!(broker.pid().unwrap(), before, "another process");
    assert_eq!(broker.url(), url);
    let context = jetstream(&broker).await;
    assert_eq!(store(&context, "o-2").await, 2);

    broker.kill().await.unwrap();
    assert_down(&broker).await;
    broker.restart().await.unwrap();
    let context = jetstream(&broker).await;
    let shop = shop(&context).await;
    for (number, order) in [(1, "o-1"), (2, "o-2")] {
        assert_eq!(shop.get_raw_message(number).await.unwrap().payload, order);
    }
    broker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_nats_stores_nothing_until_it_is_resumed() {
    let mut broker = private(Kind::Nats).await;
    let context = jetstream(&broker).await;
    shop(&context).await;

    broker.pause().await.unwrap();
    assert_stopped(&broker);
    let stored = context
        .publish("order.created", "o-1".into())
        .await
        .unwrap()
        .into_future();
    let mut stored = std::pin::pin!(stored);
    assert!(timeout(SILENCE, &mut stored).await.is_err());

    broker.resume().await.unwrap();
    let stored = timeout(PATIENCE, stored).await.unwrap().unwrap();
    assert_eq!(stored.sequence, 1);
    broker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_nats_can_be_restarted() {
    let mut broker = private(Kind::Nats).await;
    broker.pause().await.unwrap();
    assert_stopped(&broker);
    broker.restart().await.unwrap();
    let client = async_nats::connect(broker.url()).await.unwrap();
    timeout(PATIENCE, client.flush()).await.unwrap().unwrap();
    broker.stop().await.unwrap();
}

fn producer(broker: &Broker) -> FutureProducer {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", broker.url())
        .set("acks", "all");
    config.create().unwrap()
}

async fn produce(producer: &FutureProducer, order: &str) {
    let record = FutureRecord::to("orders").key(order).payload(order);
    producer.send(record, PATIENCE).await.unwrap();
}

/// The first `count` orders in the topic, in their order.
async fn consume(broker: &Broker, group: &str, count: usize) -> Vec<String> {
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.url())
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    consumer.subscribe(&["orders"]).unwrap();
    let mut orders = Vec::new();
    while orders.len() < count {
        let message = timeout(PATIENCE, consumer.recv()).await.unwrap().unwrap();
        orders.push(String::from_utf8(message.payload().unwrap().to_vec()).unwrap());
    }
    orders
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_comes_back_with_its_topics_on_the_same_port() {
    let mut broker = private(Kind::Kafka).await;
    let url = broker.url().to_owned();
    produce(&producer(&broker), "o-1").await;
    let before = broker.pid().unwrap();

    broker.restart().await.unwrap();
    assert_ne!(broker.pid().unwrap(), before, "another process");
    assert_eq!(broker.url(), url);
    produce(&producer(&broker), "o-2").await;

    broker.kill().await.unwrap();
    assert_down(&broker).await;
    broker.restart().await.unwrap();
    assert_eq!(consume(&broker, "payments", 2).await, ["o-1", "o-2"]);
    broker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_kafka_stores_nothing_until_it_is_resumed() {
    let mut broker = private(Kind::Kafka).await;
    let producer = producer(&broker);
    produce(&producer, "o-1").await;

    broker.pause().await.unwrap();
    assert_stopped(&broker);
    let record = FutureRecord::to("orders").key("o-2").payload("o-2");
    let mut delivered = std::pin::pin!(producer.send_result(record).unwrap());
    assert!(timeout(SILENCE, &mut delivered).await.is_err());

    broker.resume().await.unwrap();
    timeout(PATIENCE, delivered)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    broker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ours_gets_no_fault() {
    let owned = private(Kind::Nats).await;
    let mut external = brokers::external(Kind::Nats, owned.url()).await.unwrap();
    for refused in [
        external.kill().await,
        external.pause().await,
        external.resume().await,
        external.restart().await,
    ] {
        assert!(
            matches!(refused, Err(Error::NotOwned { .. })),
            "{refused:?}"
        );
    }
    external.stop().await.unwrap();
    let client = async_nats::connect(owned.url()).await.unwrap();
    timeout(PATIENCE, client.flush()).await.unwrap().unwrap();
    owned.stop().await.unwrap();
}
