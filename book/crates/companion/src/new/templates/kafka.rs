//! CHAPTER_TITLE: payment orders go through a topic to one worker.
//!
//! ```console
//! cargo run -p CHAPTER_ID
//! cargo run -p CHAPTER_ID -- --orders 5
//! ```

mod args;

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use args::Args;
use clap::Parser;
use history::{Event, Log, Verb};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message};
use tokio::task::block_in_place;
use tokio::time::timeout;

/// How long to wait for Kafka before that is an error.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    // ANCHOR: connect
    let kafka = brokers::kafka().await?;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.url());
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    // On a broker that is not this run's own, the name of the program stands in front.
    let (topic, group) = (kafka.name("payments"), kafka.name("payments"));
    // ANCHOR_END: connect
    create(&admin, &topic).await?;
    let mut log = Log::new();
    let outcome = tokio::select! {
        outcome = trade(&args, &config, &topic, &group, &mut log) => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    // ANCHOR: shutdown
    // Whatever happened, this run takes its topic and its group away again.
    let options = AdminOptions::new();
    admin.delete_topics(&[&topic], &options).await?;
    admin.delete_groups(&[&group], &options).await?;
    kafka.stop().await?;
    // ANCHOR_END: shutdown
    outcome?;
    log.finish(&[])?;
    Ok(())
}

// ANCHOR: topology
async fn create(admin: &AdminClient<DefaultClientContext>, topic: &str) -> Result<()> {
    let topic = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
    for created in admin.create_topics(&[topic], &AdminOptions::new()).await? {
        created.map_err(|(topic, reason)| anyhow!("cannot create {topic}: {reason}"))?;
    }
    Ok(())
}
// ANCHOR_END: topology

async fn trade(
    args: &Args,
    config: &ClientConfig,
    topic: &str,
    group: &str,
    log: &mut Log,
) -> Result<()> {
    publish(args.orders, config.clone(), topic, log).await?;
    work(args.orders, config.clone(), topic, group, log).await
}

// ANCHOR: publish
async fn publish(orders: u32, mut config: ClientConfig, topic: &str, log: &mut Log) -> Result<()> {
    // Idempotence also asks for acks=all: the leader answers once all in-sync replicas have it.
    config.set("enable.idempotence", "true");
    let producer: FutureProducer = config.create()?;
    for order in 1..=orders {
        let body = format!("o-{order}");
        let record = FutureRecord::to(topic).key(&body).payload(&body);
        log.event(Event::new("shop", Verb::Sent, order).text("payment.charge"));
        let delivered = producer.send(record, PATIENCE).await;
        delivered.map_err(|(error, _)| anyhow!("o-{order} is not stored: {error}"))?;
        log.event(Event::new("kafka", Verb::Stored, order));
    }
    Ok(())
}
// ANCHOR_END: publish

// ANCHOR: consume
async fn work(
    orders: u32,
    mut config: ClientConfig,
    topic: &str,
    group: &str,
    log: &mut Log,
) -> Result<()> {
    // A new group starts at the end of the log, unless it is told to start at the beginning.
    config.set("group.id", group);
    config.set("auto.offset.reset", "earliest");
    // The worker commits, after its work. By itself the client commits what it handed over.
    config.set("enable.auto.commit", "false");
    let consumer: StreamConsumer = config.create()?;
    consumer.subscribe(&[topic])?;
    for _ in 0..orders {
        let message = timeout(PATIENCE, consumer.recv()).await;
        let message = message.context("an order did not arrive")??;
        let order = order_of(message.payload().context("an order is empty")?)?;
        log.event(Event::new("worker 1", Verb::Got, order));
        log.event(Event::new("worker 1", Verb::Done, order));
        block_in_place(|| consumer.commit_message(&message, CommitMode::Sync))?;
    }
    Ok(())
}
// ANCHOR_END: consume

/// `o-3` is order 3.
fn order_of(body: &[u8]) -> Result<u32> {
    let body = std::str::from_utf8(body)?;
    let number = body.strip_prefix("o-").context("not an order")?;
    Ok(number.parse()?)
}
