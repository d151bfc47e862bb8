//! Event sourcing on Kafka: the events are the truth, and a state is what they add up to.
//!
//! ```console
//! cargo run -p ch04-kafka-event-sourcing
//! cargo run -p ch04-kafka-event-sourcing -- --note last
//! cargo run -p ch04-kafka-event-sourcing -- --start log --cleanup compact
//! ```

mod accounting;
mod args;
mod log;
mod orders;
mod state;

use std::time::{Duration, Instant};

use accounting::Accounting;
use anyhow::{Result, anyhow, ensure};
use args::{Args, Cleanup, Start};
use brokers::Broker;
use clap::Parser;
use history::{Event, Log, Verb, strip};
use log::Client;
use orders::EVENTS;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::{ClientConfig, Message};
use state::What;
use topics::Topic;

/// How long to wait for Kafka before that is an error. A Kafka with settings of its own looks every
/// 15 s for logs to compact.
const PATIENCE: Duration = Duration::from_secs(30);
/// Accounting makes a snapshot after so many events.
const EVERY: i64 = 6;

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let kafka = brokers::kafka().await?;
    let names = [kafka.name("orders"), kafka.name("accounting")];
    // ANCHOR: topology
    let events = NewTopic::new(&names[0], 1, TopicReplication::Fixed(-1))
        // Events are kept for ever. A new segment begins when a day is in this one.
        .set("retention.ms", "-1")
        .set("segment.ms", "86400000");
    // Of the snapshots, the last one is enough.
    let snapshots =
        NewTopic::new(&names[1], 1, TopicReplication::Fixed(-1)).set("cleanup.policy", "compact");
    // ANCHOR_END: topology
    let events = Topic::create(kafka.url(), events).await?;
    let snapshots = match Topic::create(kafka.url(), snapshots).await {
        Ok(snapshots) => snapshots,
        Err(error) => return events.delete().await.and(Err(error)),
    };
    let mut log = Log::new();
    let outcome = tokio::select! {
        // In this order: where both are ready, the signal counts.
        biased;
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
        outcome = trade(&args, &kafka, [&events, &snapshots], &mut log) => outcome,
    };
    events.delete().await?;
    snapshots.delete().await?;
    kafka.stop().await?;
    // What became of the payments: how often is each in the sum?
    let counted = outcome?.into_iter();
    let counted = counted.map(|order| Event::new("accounting", Verb::Done, order));
    let is_paid = |(_, what): &(u32, What)| matches!(what, What::Paid(_));
    let paid = EVENTS.into_iter().filter(is_paid);
    let paid = paid.map(|(order, _)| Event::new("kafka", Verb::Stored, order));
    let payments: Vec<Event> = paid.chain(counted).collect();
    log.close(&strip(&payments, &[]))?;
    Ok(())
}

/// Gives the orders whose payments are in the sum.
async fn trade(
    args: &Args,
    kafka: &Broker,
    topics: [&Topic; 2],
    log: &mut Log,
) -> Result<Vec<u32>> {
    for topic in topics {
        topic.ready().await?;
    }
    let [events, snapshots] = topics.map(|topic| topic.name.as_str());
    let client = Client::new(kafka)?;
    orders::publish(&client, events, log).await?;
    // ANCHOR: trade
    let mut first = Accounting::default();
    for record in client.read(events, first.next).await? {
        first.apply(&record, log)?;
        if (record.offset() + 1) % EVERY == 0 {
            first.save(args.note, &client, snapshots, log).await?;
        }
    }
    first.tell(log);
    log.remark("accounting", "is restarted, and has forgotten everything");
    if args.cleanup == Cleanup::Compact {
        compact(kafka, &client, events, log).await?;
    }
    let mut second = match args.start {
        Start::Log => Accounting::default(),
        Start::Snapshot => Accounting::load(&client, snapshots, log).await?,
    };
    for record in client.read(events, second.next).await? {
        second.apply(&record, log)?;
    }
    second.tell(log);
    // ANCHOR_END: trade
    Ok(second.counted())
}

/// Somebody finds the topic too large, and has it compacted.
async fn compact(kafka: &Broker, client: &Client, topic: &str, log: &mut Log) -> Result<()> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.url());
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    // ANCHOR: compact
    let settings = AlterConfig::new(ResourceSpecifier::Topic(topic))
        // What is not named here goes back to its default, so these two are named again. Without the
        // first, events would be kept for seven days as soon as the policy is `delete` again.
        .set("retention.ms", "-1")
        .set("segment.ms", "86400000")
        .set("cleanup.policy", "compact")
        // At once: by default Kafka waits until half of the log is new.
        .set("min.cleanable.dirty.ratio", "0.01");
    admin
        .alter_configs([&settings], &AdminOptions::new())
        .await?;
    let begun = Instant::now();
    loop {
        // Kafka answers each time, so this waits for Kafka.
        let left = client.read(topic, 0).await?;
        if left.len() < EVENTS.len() {
            log.remark(
                "kafka",
                &format!("has compacted the log to {} events", left.len()),
            );
            return Ok(());
        }
        ensure!(begun.elapsed() < PATIENCE, "the log is not compacted");
    }
    // ANCHOR_END: compact
}
