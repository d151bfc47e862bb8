//! A Kafka consumer group: who has which partition, and what changes when somebody comes or goes.
//!
//! ```console
//! cargo run -p ch04-kafka-groups
//! cargo run -p ch04-kafka-groups -- --protocol classic
//! cargo run -p ch04-kafka-groups -- --accident killed
//! ```

mod args;
mod consumer;
mod crew;

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use args::{Accident, Args, Role};
use brokers::Broker;
use clap::Parser;
use crew::Crew;
use history::{Event, Log, Verb};
use rdkafka::ClientConfig;
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::producer::{FutureProducer, FutureRecord};
use topics::Topic;

/// How long to wait for Kafka before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);
/// One less than there are consumers.
const PARTITIONS: usize = 2;

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
    let topic = NewTopic::new(
        &name,
        i32::try_from(PARTITIONS)?,
        TopicReplication::Fixed(-1),
    );
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
    outcome?;
    let events = log.events().iter();
    let done: Vec<u32> = events
        .filter(|event| event.verb == Verb::Done)
        .map(|event| event.message)
        .collect();
    let left: Vec<u32> = (1..=6).filter(|order| !done.contains(order)).collect();
    log.finish(&left)?;
    Ok(())
}

async fn trade(args: &Args, kafka: &Broker, topic: &Topic, log: &mut Log) -> Result<()> {
    topic.ready().await?;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.url());
    config.set("enable.idempotence", "true");
    let producer: FutureProducer = config.create()?;
    let group = kafka.name("inventory");
    let mut crew = Crew::new(args, kafka.url(), &topic.name, &group)?;
    // ANCHOR: trade
    for number in 1..=3 {
        crew.start(number)?;
        crew.settled(log).await?;
    }
    publish(&producer, &topic.name, &[1, 2, 3, 4], log).await?;
    crew.packed(log, 4, 0).await?;
    match args.accident {
        Accident::Leaves => crew.leave(1).await?,
        Accident::Killed | Accident::Restarted => crew.kill(1, log).await?,
    }
    if args.accident == Accident::Restarted {
        crew.start(1)?;
    }
    crew.heard(log).await?;
    publish(&producer, &topic.name, &[5, 6], log).await?;
    crew.packed(log, 6, crew.stuck()).await?;
    // ANCHOR_END: trade
    crew.go_home().await
}

async fn publish(
    producer: &FutureProducer,
    topic: &str,
    orders: &[u32],
    log: &mut Log,
) -> Result<()> {
    for &order in orders {
        let body = format!("o-{order}");
        // By turns, so that you see both partitions. Let the key decide where order matters.
        let partition = i32::from(order % 2 == 0);
        let record = FutureRecord::<str, str>::to(topic).payload(&body);
        let delivered = producer.send(record.partition(partition), PATIENCE).await;
        delivered.map_err(|(error, _)| anyhow!("o-{order} is not stored: {error}"))?;
        let place = format!("in partition {partition}");
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
