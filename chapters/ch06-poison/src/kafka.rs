//! Kafka: the broker knows of offsets, not of failures. The service counts, puts aside and skips.

use anyhow::{Context, Result, anyhow};
use brokers::Broker;
use history::Log;
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::message::{BorrowedMessage, Header, Headers};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message, Offset};
use tokio::task::block_in_place;
use tokio::time::timeout;
use topics::Topic;

use crate::PATIENCE;
use crate::args::Handling;
use crate::desk::{ATTEMPTS, Desk, ORDERS, Outcome, body, order_of};

pub async fn open_shop(handling: Handling, log: &mut Log) -> Result<Vec<u32>> {
    let kafka = brokers::kafka().await?;
    let (name, dead) = (kafka.name("payments"), kafka.name("dlq.payments"));
    let new = |name| NewTopic::new(name, 1, TopicReplication::Fixed(-1));
    let topic = Topic::create(kafka.url(), new(&name)).await?;
    let dead = Topic::create(kafka.url(), new(&dead)).await?;
    let outcome = tokio::select! {
        // In this order: where both are ready, the signal counts.
        biased;
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
        outcome = trade(handling, &kafka, [&topic, &dead], log) => outcome,
    };
    let groups = [kafka.name("payments"), kafka.name("accounting")];
    topic.delete_groups(&[&groups[0], &groups[1]]).await?;
    topic.delete().await?;
    dead.delete().await?;
    kafka.stop().await?;
    outcome
}

async fn trade(
    handling: Handling,
    kafka: &Broker,
    [topic, dead]: [&Topic; 2],
    log: &mut Log,
) -> Result<Vec<u32>> {
    topic.ready().await?;
    dead.ready().await?;
    let (mut desk, producer) = (Desk::new(log), producer(kafka.url())?);
    for order in 1..=ORDERS {
        let (key, body) = (format!("o-{order}"), body(order));
        let record = FutureRecord::to(&topic.name).key(&key).payload(&body);
        let stored = producer.send(record, PATIENCE).await;
        stored.map_err(|(error, _)| anyhow!("o-{order} is not stored: {error}"))?;
        desk.sent(order);
    }
    let payments = consumer(kafka, "payments", &topic.name)?;
    let aside = (handling == Handling::Yes).then_some((&producer, dead.name.as_str()));
    work(&payments, aside, &mut desk).await?;
    let mut left = after_the_commit(&payments, &topic.name).await?;
    if handling == Handling::Yes {
        left.push(accounting(kafka, &dead.name, &mut desk).await?);
    }
    Ok(left)
}

fn producer(url: &str) -> Result<FutureProducer> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", url);
    config.set("enable.idempotence", "true");
    Ok(config.create()?)
}

fn consumer(kafka: &Broker, group: &str, topic: &str) -> Result<StreamConsumer> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.url());
    config.set("group.id", kafka.name(group));
    config.set("auto.offset.reset", "earliest");
    // Done is what the service says, after the work.
    config.set("enable.auto.commit", "false");
    let consumer: StreamConsumer = config.create()?;
    consumer.subscribe(&[topic])?;
    Ok(consumer)
}

/// Works on one order at a time. `aside` is where an order goes that fails too often.
async fn work(
    payments: &StreamConsumer,
    aside: Option<(&FutureProducer, &str)>,
    desk: &mut Desk<'_>,
) -> Result<()> {
    // ANCHOR: kafka
    loop {
        let record = timeout(PATIENCE, payments.recv()).await;
        let record = record.context("no order comes")??;
        let order = record.payload().unwrap_or_default();
        desk.got(order)?;
        // Kafka brings a record once. Whether it is tried again, and how often it was, is the
        // service's affair.
        let (mut attempt, mut outcome) = (1, desk.charge(order, "attempt 1, counts payments")?);
        while outcome == Outcome::Failed && (attempt < ATTEMPTS || aside.is_none()) {
            attempt += 1;
            outcome = desk.charge(order, &format!("attempt {attempt}, counts payments"))?;
        }
        match (outcome, aside) {
            (Outcome::Enough, _) => return Ok(()),
            (Outcome::Failed, Some((producer, dead))) => put_aside(producer, dead, &record).await?,
            _ => {}
        }
        // This record and all before it are done: it is the only word that Kafka knows.
        block_in_place(|| payments.commit_message(&record, CommitMode::Sync))?;
        if outcome == Outcome::Last {
            return Ok(());
        }
    }
    // ANCHOR_END: kafka
}

// ANCHOR: put-aside
/// Puts the record into the topic of dead letters, and returns when it is stored there.
async fn put_aside(to: &FutureProducer, dead: &str, record: &BorrowedMessage<'_>) -> Result<()> {
    let (partition, offset) = (record.partition(), record.offset());
    let from = format!("{} {partition} {offset}", record.topic());
    let note = |key, value| Header {
        key,
        value: Some(value),
    };
    // The record's own headers stay: the message id is one of them, by which an inbox knows it. And
    // where it comes from, and why it is here: nobody else writes that down.
    let headers = record.headers().map(|own| own.detach());
    let headers = headers
        .unwrap_or_default()
        .insert(note("from", from.as_str()));
    let headers = headers.insert(note("why", "failed 4 times"));
    let mut letter = FutureRecord::<[u8], [u8]>::to(dead).headers(headers);
    // As they are: no key is not an empty key, and a record without a payload is a tombstone.
    (letter.key, letter.payload) = (record.key(), record.payload());
    let stored = to.send(letter, PATIENCE).await;
    stored.map_err(|(error, _)| anyhow!("the dead letter is not stored: {error}"))?;
    Ok(())
}
// ANCHOR_END: put-aside

/// Looks into the topic of dead letters.
async fn accounting(kafka: &Broker, dead: &str, desk: &mut Desk<'_>) -> Result<u32> {
    let accounting = consumer(kafka, "accounting", dead)?;
    let letter = timeout(PATIENCE, accounting.recv()).await;
    let letter = letter.context("no dead letter comes")??;
    let order = order_of(letter.payload().unwrap_or_default())?;
    let headers = letter.headers().context("no headers")?;
    let why = headers.iter().find(|header| header.key == "why");
    let why = why.and_then(|header| header.value).unwrap_or_default();
    let why = std::str::from_utf8(why)?;
    desk.says(
        "accounting",
        &format!("finds o-{order} in dlq.payments: {why}"),
    );
    Ok(order)
}

/// The orders that the group has not committed.
async fn after_the_commit(payments: &StreamConsumer, topic: &str) -> Result<Vec<u32>> {
    let ask = || -> Result<(i64, i64)> {
        let committed = payments.committed(PATIENCE)?;
        let committed = committed.find_partition(topic, 0).context("no commit")?;
        let committed = committed.offset().to_raw().context("no commit")?;
        let (_, end) = payments.fetch_watermarks(topic, 0, PATIENCE)?;
        if committed < end {
            payments.seek(topic, 0, Offset::Offset(committed), PATIENCE)?;
        }
        Ok((committed, end))
    };
    let (committed, end) = block_in_place(ask)?;
    let mut left = Vec::new();
    for _ in committed..end {
        let record = timeout(PATIENCE, payments.recv()).await;
        let record = record.context("no order comes")??;
        left.push(order_of(record.payload().unwrap_or_default())?);
    }
    Ok(left)
}
