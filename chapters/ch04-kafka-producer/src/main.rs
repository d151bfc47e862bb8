//! A Kafka producer: where an order lands, and what tells you that it is there.
//!
//! ```console
//! cargo run -p ch04-kafka-producer
//! cargo run -p ch04-kafka-producer -- --finish drop
//! cargo run -p ch04-kafka-producer -- --acks 0
//! ```

mod args;
mod reader;
mod report;
mod topic;

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use args::{Acks, Args, Finish};
use brokers::Broker;
use clap::Parser;
use history::{Event, Log, Verb, strip};
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use report::Report;
use tokio::task::block_in_place;
use topics::Topic;

/// How long to wait for Kafka before that is an error. Longer than `delivery.timeout.ms`: by the end
/// of a flush each record has its report then, good or bad.
const PATIENCE: Duration = Duration::from_secs(15);

/// The day's events. An order's events carry its number as their key.
const EVENTS: [(u32, &str); 6] = [
    (1, "order.created"),
    (2, "order.created"),
    (3, "order.created"),
    (1, "order.shipped"),
    (4, "order.created"),
    (5, "order.created"),
];
/// An order of 1,000 items: more than the topic takes.
const BULK: [(u32, &str); 1] = [(6, "order.created")];

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let kafka = brokers::kafka().await?;
    let name = kafka.name("orders");
    let topic = Topic::create(kafka.url(), topic::topology(&name)).await?;
    let mut log = Log::new();
    let outcome = tokio::select! {
        // In this order: where both are ready, the signal counts.
        biased;
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
        outcome = trade(&args, &kafka, &topic, &mut log) => outcome,
    };
    topic.delete().await?;
    kafka.stop().await?;
    outcome?;
    let events: Vec<Event> = log.events().iter().filter_map(judged).collect();
    log.close(&strip(&events, &[]))?;
    Ok(())
}

// ANCHOR: trade
async fn trade(args: &Args, kafka: &Broker, topic: &Topic, log: &mut Log) -> Result<()> {
    topic.ready().await?;
    let (producer, topic) = (producer(args, kafka.url())?, &topic.name);
    let mut reports = publish(&producer, topic, &EVENTS, log)?;
    if args.finish == Finish::Flush {
        // Kafka takes or refuses a batch as a whole, so what comes next goes by itself.
        flush(&producer).await?;
    }
    reports.extend(publish(&producer, topic, &BULK, log)?);
    if args.finish == Finish::Flush {
        flush(&producer).await?;
        report::read(reports, log).await?;
        // With acks=0 nothing has told us yet that Kafka is through with all of it.
        block_in_place(|| reader::settle(&producer, topic))?;
    }
    // This throws away what still waits in the producer.
    drop(producer);
    log.remark("orders", "drops the producer");
    for event in block_in_place(|| reader::read_back(kafka, topic))? {
        log.event(event);
    }
    Ok(())
}
// ANCHOR_END: trade

// ANCHOR: producer
fn producer(args: &Args, servers: &str) -> Result<FutureProducer> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    config.set("acks", args.acks.value());
    // The client numbers its batches, so Kafka stores a batch once even when the client sends it
    // again because an answer got lost. The client refuses this setting without acks=all.
    let idempotence = args.acks == Acks::All;
    config.set("enable.idempotence", idempotence.to_string());
    // All producers of a topic must hash alike, whatever their language, or one order's events
    // spread over partitions. This value agrees with Java's default; librdkafka's default does not.
    config.set("partitioner", args.partitioner.value());
    // Wait 2 s for more records of the same partition, then compress and send them as one batch.
    // That is long, so that you see a queue; the default is 5 ms.
    config.set("linger.ms", "2000");
    config.set("compression.type", "lz4");
    // A record that is not stored after 10 s is reported as failed. The default is 5 minutes.
    config.set("delivery.timeout.ms", "10000");
    let producer = config.create();
    producer.context("these settings of the producer do not go together")
}
// ANCHOR_END: producer

// ANCHOR: publish
fn publish(
    producer: &FutureProducer,
    topic: &str,
    events: &[(u32, &'static str)],
    log: &mut Log,
) -> Result<Vec<Report>> {
    let mut reports = Vec::new();
    for &(order, kind) in events {
        let (key, body) = (format!("o-{order}"), reader::body(order, kind));
        let record = FutureRecord::to(topic).key(&key).payload(&body);
        // `Ok` says: it waits in this client. An error here is one of the client, a full queue
        // for example. What Kafka says comes later, in the delivery report.
        let delivery = producer.send_result(record).map_err(|(error, _)| error)?;
        log.event(Event::new("orders", Verb::Sent, order).text(kind));
        reports.push(Report {
            order,
            kind,
            delivery,
        });
    }
    Ok(reports)
}
// ANCHOR_END: publish

// ANCHOR: flush
async fn flush(producer: &FutureProducer) -> Result<()> {
    // It blocks its thread until nothing waits any more. `block_in_place` tells the runtime, which
    // moves its other tasks to other threads.
    let flushed = block_in_place(|| producer.flush(PATIENCE));
    // `flush` has blocked this task. Here `select!` in `main` can look whether Ctrl-C has come.
    tokio::task::yield_now().await;
    flushed.context("Kafka has not taken all records in time")
}
// ANCHOR_END: flush

/// What the strip is about: is each new order in the topic? A record that is read back is done.
fn judged(event: &Event) -> Option<Event> {
    let mut event = event.clone();
    if event.verb == Verb::Got {
        event.verb = Verb::Done;
    }
    event.text.starts_with("order.created").then_some(event)
}
