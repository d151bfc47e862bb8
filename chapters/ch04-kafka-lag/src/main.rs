//! The lag of a Kafka group: a consumer stalls, is restarted, and recovers.
//!
//! ```console
//! cargo run -p ch04-kafka-lag
//! cargo run -p ch04-kafka-lag -- --commit taken
//! ```

mod args;
mod packer;
mod watch;

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow};
use args::Args;
use brokers::Broker;
use clap::Parser;
use history::{Event, Log, Verb};
use packer::Packer;
use rdkafka::ClientConfig;
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::task::block_in_place;
use topics::Topic;
use watch::Watch;

/// How long to wait for Kafka before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);
/// The topic has one partition. With more, each has its own lag.
const PARTITION: i32 = 0;

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let kafka = brokers::kafka().await?;
    let name = kafka.name("orders");
    // -1: as many replicas as the cluster's default says.
    let topic = NewTopic::new(&name, 1, TopicReplication::Fixed(-1));
    let topic = Topic::create(kafka.url(), topic).await?;
    let mut log = Log::new();
    let outcome = tokio::select! {
        // In this order: where both are ready, the signal counts.
        biased;
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
        outcome = trade(&args, &kafka, &topic, &mut log) => outcome,
    };
    topic.delete_groups(&[&kafka.name("inventory")]).await?;
    topic.delete().await?;
    kafka.stop().await?;
    outcome?;
    log.finish(&[])?;
    Ok(())
}

async fn trade(args: &Args, kafka: &Broker, topic: &Topic, log: &mut Log) -> Result<()> {
    topic.ready().await?;
    let (url, topic, group) = (kafka.url(), &topic.name, &kafka.name("inventory"));
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", url);
    config.set("enable.idempotence", "true");
    let producer: FutureProducer = config.create()?;
    let watch = Watch::new(url, topic, group)?;
    let mut one = Packer::start("consumer 1", args.commit, url, topic, group)?;
    // ANCHOR: trade
    for order in 1..=4 {
        publish(&producer, topic, order, log).await?;
        one.take(log).await?;
        one.pack(log)?;
    }
    block_in_place(|| watch.lag(log))?;
    log.remark("consumer 1", "has no more parcel labels");
    for order in 5..=8 {
        publish(&producer, topic, order, log).await?;
        one.take(log).await?;
        block_in_place(|| watch.lag(log))?;
    }
    one.position(log)?;
    // Somebody restarts it, and there are labels again.
    log.remark("consumer 1", "is restarted");
    one.end();
    let mut two = Packer::start("consumer 2", args.commit, url, topic, group)?;
    while block_in_place(|| watch.lag(log))?.is_none_or(|lag| lag > 0) {
        two.take(log).await?;
        two.pack(log)?;
    }
    // ANCHOR_END: trade
    two.joined().await?;
    two.end();
    Ok(())
}

async fn publish(producer: &FutureProducer, topic: &str, order: u32, log: &mut Log) -> Result<()> {
    let body = format!("o-{order}");
    // As if an order came every ten minutes, and o-8 just now.
    let age = Duration::from_secs(u64::from(8 - order) * 600);
    let time = SystemTime::UNIX_EPOCH.elapsed()?.saturating_sub(age);
    let record = FutureRecord::to(topic).key(&body).payload(&body);
    let record = record.timestamp(time.as_millis().try_into()?);
    let delivered = producer.send(record, PATIENCE).await;
    delivered.map_err(|(error, _)| anyhow!("o-{order} is not stored: {error}"))?;
    log.event(Event::new("kafka", Verb::Stored, order));
    Ok(())
}

/// `o-3` is order 3.
fn order_of(body: &[u8]) -> Result<u32> {
    let body = std::str::from_utf8(body)?;
    let number = body.strip_prefix("o-").context("not an order")?;
    Ok(number.parse()?)
}
