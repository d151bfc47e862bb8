//! A Kafka producer whose answer, or whose order, is lost on the wire: who sends the order again, how
//! often it is stored, and behind what.
//!
//! ```console
//! cargo run -p ch04-kafka-dedup
//! cargo run -p ch04-kafka-dedup -- --idempotence on
//! cargo run -p ch04-kafka-dedup -- --idempotence on --accident restart
//! cargo run -p ch04-kafka-dedup -- --accident overtaken
//! ```

mod args;
mod reader;

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use args::{Accident, Args, Idempotence};
use brokers::Broker;
use clap::Parser;
use history::{Event, Log, Verb};
use rdkafka::ClientConfig;
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};
use tokio::task::block_in_place;
use tokio::time::timeout;
use topics::Topic;
use wire::{Act, Proxy, kafka};

/// How long to wait for Kafka before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let kafka = brokers::kafka().await?;
    let name = kafka.name("orders");
    // -1: as many replicas as the cluster's default says.
    let shape = NewTopic::new(&name, 1, TopicReplication::Fixed(-1));
    let topic = Topic::create(kafka.url(), shape).await?;
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
    log.finish(&[])?;
    Ok(())
}

async fn trade(args: &Args, kafka: &Broker, topic: &Topic, log: &mut Log) -> Result<()> {
    topic.ready().await?;
    // A proxy between the service and Kafka. It ends with this function.
    let wire = Proxy::kafka(kafka.url()).await?;
    match args.accident {
        Accident::Answer | Accident::Restart => publish(args, &wire, &topic.name, log).await?,
        Accident::Overtaken => overtaken(args, &wire, &topic.name, log).await?,
    }
    wire.stop().await?;
    block_in_place(|| reader::inventory(kafka, &topic.name, log))
}

// ANCHOR: publish
async fn publish(args: &Args, wire: &Proxy, topic: &str, log: &mut Log) -> Result<()> {
    // The second batch reaches Kafka. The answer to it does not come back.
    let act = match args.accident == Accident::Restart {
        false => Act::Cut,
        true => Act::Drop,
    };
    wire.on(kafka::PRODUCED, 2, act);
    let mut producer = producer(args, wire.url())?;
    for order in 1..=3 {
        let mut report = send(&producer, topic, order, log)?;
        if order == 2 {
            timeout(PATIENCE, wire.struck(1)).await??;
            log.remark("wire", "loses the answer to o-2");
        }
        if order == 2 && args.accident == Accident::Restart {
            block_in_place(|| drop(producer));
            log.remark("orders", "ends, and starts again");
            producer = self::producer(args, wire.url())?;
            report = send(&producer, topic, order, log)?;
        }
        await_report(report, order, log).await?;
    }
    Ok(())
}
// ANCHOR_END: publish

// ANCHOR: overtaken
async fn overtaken(args: &Args, wire: &Proxy, topic: &str, log: &mut Log) -> Result<()> {
    // The second batch does not reach Kafka. The third does, and when its answer has passed, the
    // connection ends. So the client hears that the second one got none.
    wire.on(kafka::PRODUCE, 2, Act::Drop);
    wire.on(kafka::PRODUCED, 2, Act::CutAfter);
    let producer = producer(args, wire.url())?;
    await_report(send(&producer, topic, 1, log)?, 1, log).await?;
    let second = send(&producer, topic, 2, log)?;
    timeout(PATIENCE, wire.struck(1)).await??;
    log.remark("wire", "loses o-2 on its way to Kafka");
    // o-2 has no answer, and the client sends o-3 all the same: `max.in.flight` allows for more
    // than one.
    let third = send(&producer, topic, 3, log)?;
    await_report(second, 2, log).await?;
    await_report(third, 3, log).await
}
// ANCHOR_END: overtaken

// ANCHOR: producer
fn producer(args: &Args, servers: &str) -> Result<FutureProducer> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    // The producer gets an id from Kafka, and numbers its batches of each partition. Kafka drops a
    // batch whose id and number it has stored before, and answers as it did then.
    let on = args.idempotence == Idempotence::On;
    config.set("enable.idempotence", on.to_string());
    // With idempotence the client takes no more than 5 here: Kafka remembers the last 5 batches of a
    // producer in each partition. Without it librdkafka's default is 1,000,000.
    config.set("max.in.flight", "5");
    Ok(config.create()?)
}
// ANCHOR_END: producer

// ANCHOR: send
fn send(
    producer: &FutureProducer,
    topic: &str,
    order: u32,
    log: &mut Log,
) -> Result<DeliveryFuture> {
    let (key, body) = (format!("o-{order}"), format!("order.created o-{order}"));
    let record = FutureRecord::to(topic).key(&key).payload(&body);
    let report = producer.send_result(record).map_err(|(error, _)| error)?;
    log.event(Event::new("orders", Verb::Sent, order).text("order.created"));
    Ok(report)
}

async fn await_report(report: DeliveryFuture, order: u32, log: &mut Log) -> Result<()> {
    // If the connection breaks, the client connects again and repeats what had no answer. The report
    // tells how that went in the end, and nothing of the way there.
    let delivery = timeout(PATIENCE, report).await.context("no report")??;
    let place = delivery.map_err(|(error, _)| error)?;
    let text = format!("at offset {}", place.offset);
    log.event(Event::new("kafka", Verb::Stored, order).text(text));
    Ok(())
}
// ANCHOR_END: send
