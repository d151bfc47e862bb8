//! Kafka's batches: how many orders go in one request, and what compression has to work on.
//!
//! ```console
//! cargo run -p ch04-kafka-batching
//! cargo run -p ch04-kafka-batching -- --send together
//! cargo run -p ch04-kafka-batching -- --send together --compression lz4
//! ```

mod args;
mod counts;

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use args::{Args, BatchSize, Send, word};
use clap::Parser;
use counts::{Counter, Counts};
use history::Log;
use rdkafka::ClientConfig;
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};
use tokio::sync::watch;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::timeout;
use topics::Topic;

/// How long to wait for Kafka before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);
const ORDERS: i64 = 100;
type Producer = FutureProducer<Counter>;
/// All orders are of one moment, so that the bytes of a run are those of any other.
const MOMENT: i64 = 1_767_603_600_000;

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let kafka = brokers::kafka().await?;
    let name = kafka.name("orders");
    // By time Kafka would delete records of a moment so long ago; -1 keeps them.
    let topic = NewTopic::new(&name, 3, TopicReplication::Fixed(-1)).set("retention.ms", "-1");
    let topic = Topic::create(kafka.url(), topic).await?;
    let mut log = Log::new();
    let outcome = tokio::select! {
        // In this order: where both are ready, the signal counts.
        biased;
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
        outcome = trade(&args, kafka.url(), &topic, &mut log) => outcome,
    };
    topic.delete().await?;
    kafka.stop().await?;
    outcome?;
    Ok(())
}

async fn trade(args: &Args, url: &str, topic: &Topic, log: &mut Log) -> Result<()> {
    topic.ready().await?;
    let (tell, mut counts) = watch::channel(Counts::default());
    let producer = producer(args, url, tell)?;
    log.remark("orders", "has 100 orders");
    match args.send {
        Send::OneByOne => one_by_one(&producer, &topic.name).await?,
        Send::Together => together(&producer, &topic.name).await?,
        Send::Tasks => tasks(&producer, &topic.name).await?,
    }
    log.remark("orders", "has 100 good reports");
    // The client counts a batch when it makes it, its request when it sends it, and tells a moment
    // later. So the report after the one that has all records has all requests.
    let all = async {
        counts.wait_for(|counts| counts.records == ORDERS).await?;
        counts.changed().await
    };
    let all = timeout(PATIENCE, all).await;
    all.context("orders are missing")??;
    let counts = *counts.borrow();
    block_in_place(|| drop(producer));
    log.remark("kafka", &format!("requests {}", counts.requests));
    log.remark("kafka", &format!("batches {}", counts.batches));
    log.remark("kafka", &format!("bytes {}", counts.bytes));
    Ok(())
}

// ANCHOR: producer
fn producer(args: &Args, url: &str, tell: watch::Sender<Counts>) -> Result<Producer> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", url);
    config.set("enable.idempotence", "true");
    config.set("partitioner", "murmur2_random");
    // So long a record waits for others of its partition. The default is 5 ms. Where
    // they share a batch it is longer here, so that they come in time on a busy machine, too.
    let alone = args.send == Send::OneByOne || args.batch_size == BatchSize::Small;
    config.set("linger.ms", if alone { "5" } else { "500" });
    // A batch goes earlier when it is full: by size, or with `batch.num.messages` records (10,000).
    config.set("batch.size", word(&args.batch_size));
    config.set("compression.type", word(&args.compression));
    config.set("statistics.interval.ms", "100");
    Ok(config.create_with_context(Counter(tell))?)
}
// ANCHOR_END: producer

// ANCHOR: one-by-one
async fn one_by_one(producer: &Producer, topic: &str) -> Result<()> {
    for order in 1..=ORDERS {
        stored(send(producer, topic, order)?).await?;
    }
    Ok(())
}
// ANCHOR_END: one-by-one

// ANCHOR: tasks
async fn tasks(producer: &Producer, topic: &str) -> Result<()> {
    let mut tasks = JoinSet::new();
    for order in 1..=ORDERS {
        // As a service has it: a task for each call, and each waits for its own order.
        let (producer, topic) = (producer.clone(), topic.to_owned());
        tasks.spawn(async move { stored(send(&producer, &topic, order)?).await });
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    Ok(())
}
// ANCHOR_END: tasks

// ANCHOR: together
async fn together(producer: &Producer, topic: &str) -> Result<()> {
    let mut reports = Vec::new();
    for order in 1..=ORDERS {
        reports.push(send(producer, topic, order)?);
    }
    for report in reports {
        stored(report).await?;
    }
    Ok(())
}
// ANCHOR_END: together

/// Waits for the report, and for a good one.
async fn stored(report: DeliveryFuture) -> Result<()> {
    let stored = report.await?;
    stored.map_err(|(error, _)| anyhow!("an order is not stored: {error}"))?;
    Ok(())
}

fn send(producer: &Producer, topic: &str, order: i64) -> Result<DeliveryFuture> {
    let key = format!("o-{order}");
    let body = format!(
        r#"{{"type":"order.created","order":"{key}","customer":{},"items":[{{"sku":"sku-{order}","count":{}}}],"currency":"EUR"}}"#,
        4000 + order,
        order % 3 + 1
    );
    let record = FutureRecord::to(topic)
        .key(&key)
        .payload(&body)
        .timestamp(MOMENT);
    producer
        .send_result(record)
        .map_err(|(error, _)| error.into())
}
