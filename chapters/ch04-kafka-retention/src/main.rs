//! What a Kafka topic keeps: its oldest records are deleted, whoever has not read them.
//!
//! ```console
//! cargo run -p ch04-kafka-retention
//! cargo run -p ch04-kafka-retention -- --reset latest
//! cargo run -p ch04-kafka-retention -- --reset error
//! ```

mod args;
mod inventory;
mod limits;

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow};
use args::{Args, Limit, Reset};
use brokers::Broker;
use clap::Parser;
use history::{Event, Log, Verb};
use inventory::{Inventory, Next};
use rdkafka::ClientConfig;
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::task::block_in_place;
use topics::Topic;

/// How long to wait for Kafka before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);
/// A day in milliseconds.
const DAY: i64 = 86_400_000;
/// The orders, each with its age in days.
const ORDERS: [(u32, i64); 7] = [(1, 5), (2, 5), (3, 3), (4, 3), (5, 1), (6, 1), (7, 0)];
/// The first order that is kept, and its offset.
const FIRST: u32 = 5;
const START: i64 = 4;

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let kafka = brokers::kafka().await?;
    let name = kafka.name("orders");
    // ANCHOR: topology
    let topic = NewTopic::new(&name, 1, TopicReplication::Fixed(-1))
        // Everything is kept. The defaults are seven days, and no limit of size.
        .set("retention.ms", "-1")
        // A new segment begins when a day is in this one, or 1 MiB, which is the least that Kafka
        // takes here. The defaults are seven days and 1 GiB.
        .set("segment.ms", "86400000")
        .set("segment.bytes", "1048576");
    // ANCHOR_END: topology
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
    // Still on the broker: what is kept and has not been read.
    let is_done = |order: u32| {
        let done = Event::new("inventory", Verb::Done, order);
        log.events().contains(&done)
    };
    let left: Vec<u32> = (FIRST..=8).filter(|order| !is_done(*order)).collect();
    log.finish(&left)?;
    Ok(())
}

// ANCHOR: trade
async fn trade(args: &Args, kafka: &Broker, topic: &Topic, log: &mut Log) -> Result<()> {
    topic.ready().await?;
    let (name, shop) = (&topic.name, Shop::open(args, kafka)?);
    for (order, days) in ORDERS {
        shop.publish(name, order, days, log).await?;
    }
    // On its first day the group has no position, and begins at the beginning.
    let inventory = Inventory::start(Reset::Earliest, kafka, name)?;
    for _ in 0..2 {
        inventory.next(log).await?;
    }
    block_in_place(|| drop(inventory));
    log.remark("inventory", "is shut down, its group is at 2");
    let admin = ClientConfig::new()
        .set("bootstrap.servers", kafka.url())
        .create()?;
    limits::set(args.limit, &admin, name, log).await?;
    block_in_place(|| limits::wait_for_start(START, &admin, name, log))?;
    // ANCHOR_END: trade
    // ANCHOR: back
    let inventory = Inventory::start(args.reset, kafka, name)?;
    log.remark("inventory", "is back");
    let next = loop {
        let next = inventory.next(log).await?;
        if next != Next::Order {
            break next;
        }
    };
    shop.publish(name, 8, 0, log).await?;
    if next == Next::End {
        inventory.next(log).await?;
        return Ok(());
    }
    let missed = block_in_place(|| inventory.missed())?;
    log.remark("inventory", &format!("stops: {missed} orders are gone"));
    // ANCHOR_END: back
    Ok(())
}

/// Who publishes the orders.
struct Shop {
    producer: FutureProducer,
    padding: String,
}

impl Shop {
    fn open(args: &Args, kafka: &Broker) -> Result<Shop> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", kafka.url());
        config.set("enable.idempotence", "true");
        // Where the size counts, an order is of 500 KiB, and two of them fill a segment.
        let padding = match args.limit {
            Limit::Size => 500 * 1024,
            _ => 0,
        };
        let (producer, padding) = (config.create()?, " ".repeat(padding));
        Ok(Shop { producer, padding })
    }

    // ANCHOR: publish
    async fn publish(&self, topic: &str, order: u32, days: i64, log: &mut Log) -> Result<()> {
        let now = SystemTime::UNIX_EPOCH.elapsed()?.as_millis();
        let (key, body) = (format!("o-{order}"), format!("o-{order}{}", self.padding));
        let record = FutureRecord::to(topic).key(&key).payload(&body);
        let record = record.timestamp(i64::try_from(now)? - days * DAY);
        let delivered = self.producer.send(record, PATIENCE).await;
        let stored = delivered.map_err(|(error, _)| anyhow!("{key} is not stored: {error}"))?;
        let place = format!("at offset {}, {days} days ago", stored.offset);
        log.event(Event::new("orders", Verb::Stored, order).text(place));
        Ok(())
    }
    // ANCHOR_END: publish
}

/// `o-3` is order 3.
fn order_of(body: Option<&[u8]>) -> Result<u32> {
    let body = std::str::from_utf8(body.context("an order is empty")?)?;
    let number = body.trim_end().strip_prefix("o-");
    Ok(number.context("not an order")?.parse()?)
}
