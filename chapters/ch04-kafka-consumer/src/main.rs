//! A Kafka consumer: how far its group has come in the log, and who says so.
//!
//! ```console
//! cargo run -p ch04-kafka-consumer -- --accident in-work
//! cargo run -p ch04-kafka-consumer -- --accident in-work --commit auto
//! cargo run -p ch04-kafka-consumer -- --reset latest
//! ```

mod args;
mod consumer;
mod group;
mod process;

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use args::{Accident, Args, Commit, Role};
use brokers::Broker;
use clap::Parser;
use group::Group;
use history::{Event, Log, Verb};
use process::Process;
use rdkafka::ClientConfig;
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::task::block_in_place;
use topics::Topic;

/// How long to wait for Kafka before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);
const ORDERS: u32 = 7;
/// One, so that the group's position is one number.
const PARTITIONS: i32 = 1;

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    match &args.role {
        None => open_shop(&args).await,
        Some(Role::Consumer {
            number,
            topic,
            group,
        }) => consumer::work(&args, *number, topic, group).await,
    }
}

async fn open_shop(args: &Args) -> Result<()> {
    let kafka = brokers::kafka().await?;
    let name = kafka.name("orders");
    // -1: as many replicas as the cluster's default says.
    let topic = NewTopic::new(&name, PARTITIONS, TopicReplication::Fixed(-1));
    let topic = Topic::create(kafka.url(), topic).await?;
    let mut log = Log::new();
    let outcome = tokio::select! {
        // In this order: where both are ready, the signal counts.
        biased;
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
        outcome = trade(args, &kafka, &topic, &mut log) => outcome,
    };
    topic.delete().await?;
    kafka.stop().await?;
    log.finish(&outcome?)?;
    Ok(())
}

/// Gives the orders that are still before the group.
async fn trade(args: &Args, kafka: &Broker, topic: &Topic, log: &mut Log) -> Result<Vec<u32>> {
    topic.ready().await?;
    let topic = &topic.name;
    let (url, name) = (kafka.url(), &kafka.name("inventory"));
    publish(url, topic, log).await?;
    let group = Group::new(url, topic, name)?;
    let mut consumer = Process::start(args, 1, kafka, topic, name)?;
    let last_words = match args.accident {
        Accident::InWork => Some("got o-3"),
        Accident::AfterWork => Some("done o-3"),
        Accident::None | Accident::TooSlow => None,
    };
    if let Some(words) = last_words {
        consumer.watch(log, &[(words, 1)]).await?;
        // The client commits when it is time for it; wait until it has.
        block_in_place(|| group.wait_for(next_at_kill(args)))?;
        consumer.kill(log).await?;
        block_in_place(|| group.tell(log))?;
        consumer = Process::start(args, 2, kafka, topic, name)?;
    }
    let end = [("has read to the end", 1), ("done o-7", 2)];
    consumer.watch(log, &end).await?;
    consumer.go_home().await?;
    block_in_place(|| group.tell(log))?;
    // Order 1 is at offset 0, so the first order before the group has the number `next + 1`.
    let next = block_in_place(|| group.committed())?;
    let next = u32::try_from(next.unwrap_or(ORDERS.into()))?;
    Ok((next + 1..=ORDERS).collect())
}

/// What the group has committed when consumer 1 is killed at o-3, whose offset is 2.
fn next_at_kill(args: &Args) -> i64 {
    match args.commit {
        Commit::After | Commit::Stored => 2,
        Commit::Before | Commit::Auto => 3,
    }
}

async fn publish(url: &str, topic: &str, log: &mut Log) -> Result<()> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", url);
    config.set("enable.idempotence", "true");
    let producer: FutureProducer = config.create()?;
    for order in 1..=ORDERS {
        let body = format!("o-{order}");
        let record = FutureRecord::to(topic).key(&body).payload(&body);
        let delivered = producer.send(record, PATIENCE).await;
        let stored = delivered.map_err(|(error, _)| anyhow!("o-{order} is not stored: {error}"))?;
        let place = format!("at offset {}", stored.offset);
        log.event(Event::new("kafka", Verb::Stored, order).text(place));
    }
    Ok(())
}

/// `o-3` is order 3.
fn order_of(body: &[u8]) -> Result<u32> {
    let body = std::str::from_utf8(body)?;
    let number = body.strip_prefix("o-").context("not an order")?;
    Ok(number.parse()?)
}
