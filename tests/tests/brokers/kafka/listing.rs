//! The listing on a Kafka that is not its own.

use std::process::{Output, Stdio};
use std::time::Duration;

use book_tests::programs::programs;
use brokers::Broker;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use wire::Proxy;
use wire::kafka::PRODUCED;

use super::topic::{LONG, Topic, private};

/// The name that the listing's topic has on such a Kafka.
const TOPIC: &str = "ch04-kafka-producer.orders";

fn listing(kafka: &Broker) -> Command {
    let mut listing = Command::new(programs().path("ch04-kafka-producer").unwrap());
    listing
        .env("KAFKA_BOOTSTRAP_SERVERS", kafka.url())
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    listing
}

async fn run(kafka: &Broker) -> Output {
    timeout(LONG, listing(kafka).output())
        .await
        .unwrap()
        .unwrap()
}

/// The topics that somebody made; Kafka's own begin with two underscores.
async fn topics(kafka: &Broker) -> Vec<String> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.url());
    let ask = move || {
        let client: BaseConsumer = config.create().unwrap();
        let metadata = client
            .fetch_metadata(None, Duration::from_secs(20))
            .unwrap();
        let names = metadata
            .topics()
            .iter()
            .map(|topic| topic.name().to_owned());
        names.filter(|name| !name.starts_with("__")).collect()
    };
    spawn_blocking(ask).await.unwrap()
}

/// Waits until there are none: Kafka tells of a deletion before all of it has heard of that.
async fn no_topics(kafka: &Broker) {
    let gone = async { while !topics(kafka).await.is_empty() {} };
    timeout(LONG, gone).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_listing_takes_its_topic_away() {
    let kafka = private().await;
    let output = run(&kafka).await;
    assert!(output.status.success(), "{output:?}");
    no_topics(&kafka).await;
    kafka.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_listing_takes_its_topic_away_when_it_is_ended() {
    let kafka = private().await;
    let wire = Proxy::kafka(kafka.url()).await.unwrap();
    // Without the answer to its first batch the listing cannot come to its own end.
    let mut held = wire.hold(PRODUCED, 1);
    let mut listing = listing(&kafka)
        .env("KAFKA_BOOTSTRAP_SERVERS", wire.url())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(listing.stdout.take().unwrap()).lines();
    let first = timeout(LONG, lines.next_line()).await.unwrap().unwrap();
    assert_eq!(first.as_deref(), Some("orders  sent o-1 order.created"));
    timeout(LONG, held.reached()).await.unwrap().unwrap();
    let pid = listing.id().unwrap().to_string();
    let kill = Command::new("kill").args(["-TERM", &pid]).status().await;
    assert!(kill.unwrap().success());
    held.pass();
    let output = timeout(LONG, listing.wait_with_output()).await.unwrap();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).ends_with("Error: interrupted\n"));
    no_topics(&kafka).await;
    wire.stop().await.unwrap();
    kafka.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_listing_leaves_a_topic_of_somebody_else_alone() {
    let kafka = private().await;
    let topic = Topic::named(kafka.url(), TOPIC.to_owned(), &[]).await;
    topic.store(&topic.producer(&[]), &["o-9"]).await;
    let output = run(&kafka).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(output.stdout, b"", "it has done nothing");
    let said = String::from_utf8_lossy(&output.stderr);
    let error = said.split_once("Error: ").unwrap().1;
    insta::assert_snapshot!(error, @"this Kafka has a topic ch04-kafka-producer.orders already, and it is not this run's to use: wait for another run to end, delete the topic, or take another Kafka");
    let records = topic.read().await;
    assert_eq!(records.len(), 1, "{records:?}");
    kafka.stop().await.unwrap();
}
