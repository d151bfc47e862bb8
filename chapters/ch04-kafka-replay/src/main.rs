//! A Kafka topic is read again: by a service of its own, from a time on, and with all its effects.
//!
//! ```console
//! cargo run -p ch04-kafka-replay
//! cargo run -p ch04-kafka-replay -- --reader email --from noon
//! cargo run -p ch04-kafka-replay -- --reader email --from noon --mails once
//! ```

mod args;
mod reader;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, anyhow};
use args::{Args, From, Mails, Move, Who};
use brokers::Broker;
use clap::Parser;
use history::{Event, Log, Verb, strip};
use rdkafka::ClientConfig;
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::producer::{FutureProducer, FutureRecord};
use reader::Reader;
use tokio::task::block_in_place;
use topics::Topic;

/// How long to wait for Kafka before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);
/// The day of the orders begins at this time: 5 January 2026 in UTC, in milliseconds since 1970.
const DAY: i64 = 1_767_571_200_000;
const HOUR: i64 = 3_600_000;
const NOON: i64 = DAY + 12 * HOUR;
/// The orders of the day, each with its hour.
const ORDERS: [(u32, i64); 6] = [(1, 9), (2, 10), (3, 11), (4, 12), (5, 13), (6, 14)];

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let kafka = brokers::kafka().await?;
    let name = kafka.name("orders");
    // By time Kafka would delete records of a day so long ago; -1 keeps them.
    let topic = NewTopic::new(&name, 1, TopicReplication::Fixed(-1)).set("retention.ms", "-1");
    let topic = Topic::create(kafka.url(), topic).await?;
    let mut log = Log::new();
    let outcome = tokio::select! {
        // In this order: where both are ready, the signal counts.
        biased;
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
        outcome = trade(&args, &kafka, &topic, &mut log) => outcome,
    };
    let groups = [kafka.name("email"), kafka.name("analytics")];
    topic.delete_groups(&[&groups[0], &groups[1]]).await?;
    topic.delete().await?;
    kafka.stop().await?;
    outcome?;
    // The strip is about the customers' mail.
    let mail = log
        .events()
        .iter()
        .filter(|event| event.lane != "analytics");
    let mail: Vec<Event> = mail.cloned().collect();
    log.close(&strip(&mail, &[]))?;
    Ok(())
}

// ANCHOR: trade
async fn trade(args: &Args, kafka: &Broker, topic: &Topic, log: &mut Log) -> Result<()> {
    topic.ready().await?;
    publish(kafka.url(), &topic.name, log).await?;
    let mut sent = (args.mails == Mails::Once).then(BTreeSet::new);
    let mut email = Reader::new(kafka, &topic.name, "email")?;
    email.join()?;
    email.read(&mut sent, log).await?;
    block_in_place(|| email.tell(log))?;
    match args.reader {
        Who::Analytics => {
            let analytics = Reader::new(kafka, &topic.name, "analytics")?;
            if args.from == From::Noon {
                block_in_place(|| analytics.reset(analytics.offset_at(NOON)?))?;
            }
            analytics.join()?;
            analytics.read(&mut None, log).await?;
            block_in_place(|| analytics.tell(log))?;
        }
        Who::Email => {
            email = go_back(args, kafka, email, log)?;
            email.read(&mut sent, log).await?;
        }
    }
    block_in_place(|| email.tell(log))
}
// ANCHOR_END: trade

// ANCHOR: go-back
fn go_back(args: &Args, kafka: &Broker, email: Reader, log: &mut Log) -> Result<Reader> {
    let time = match args.from {
        From::Start => 0, // Every record is later than 1970.
        From::Noon => NOON,
    };
    let to = block_in_place(|| email.offset_at(time))?;
    if args.by == Move::Seek {
        block_in_place(|| email.seek(to))?;
        return Ok(email);
    }
    let topic = email.topic.clone();
    // It leaves its group. Kafka refuses to move a group that somebody is in.
    block_in_place(|| drop(email));
    let email = Reader::new(kafka, &topic, "email")?;
    block_in_place(|| email.reset(to))?;
    block_in_place(|| email.tell(log))?;
    email.join()?;
    Ok(email)
}
// ANCHOR_END: go-back

// ANCHOR: publish
async fn publish(url: &str, topic: &str, log: &mut Log) -> Result<()> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", url);
    config.set("enable.idempotence", "true");
    let producer: FutureProducer = config.create()?;
    for (order, hour) in ORDERS {
        let body = format!("o-{order}");
        let record = FutureRecord::to(topic).key(&body).payload(&body);
        // The time is the producer's to say. Without this it is the time of the call.
        let record = record.timestamp(DAY + hour * HOUR);
        let delivered = producer.send(record, PATIENCE).await;
        let stored = delivered.map_err(|(error, _)| anyhow!("o-{order} is not stored: {error}"))?;
        let place = format!("of {hour:02}:00 at offset {}", stored.offset);
        log.event(Event::new("kafka", Verb::Stored, order).text(place));
    }
    Ok(())
}
// ANCHOR_END: publish
