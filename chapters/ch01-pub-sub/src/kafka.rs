//! The day on Kafka: two topics, in which each event lies once, and a group for each subscriber, which
//! reads from its own place.

use anyhow::{Context, Result, anyhow};
use brokers::Broker;
use history::{Event, Log, Verb};
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::message::{BorrowedMessage, Header, Headers, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::{ClientConfig, Message};
use tokio::task::block_in_place;
use tokio::time::timeout;
use topics::Topic;

use crate::{PATIENCE, Received, Step, order_of};

/// The day, on topics and groups that are deleted at its end.
pub async fn day(day: &[Step], log: &mut Log) -> Result<Vec<Received>> {
    let kafka = brokers::kafka().await?;
    let orders = create(&kafka, "orders").await?;
    let payments = match create(&kafka, "payments").await {
        Ok(payments) => payments,
        Err(error) => {
            orders.delete().await?;
            return Err(error);
        }
    };
    let outcome = tokio::select! {
        // In this order: where both are ready, the signal counts.
        biased;
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
        outcome = trade(day, &kafka, log) => outcome,
    };
    let groups = ["email", "inventory", "analytics", "accounting"].map(|group| kafka.name(group));
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    orders.delete_groups(&groups).await?;
    orders.delete().await?;
    payments.delete().await?;
    kafka.stop().await?;
    outcome
}

async fn create(kafka: &Broker, topic: &str) -> Result<Topic> {
    let name = kafka.name(topic);
    let topic = NewTopic::new(&name, 1, TopicReplication::Fixed(-1));
    let topic = Topic::create(kafka.url(), topic).await?;
    topic.ready().await?;
    Ok(topic)
}

async fn trade(day: &[Step], kafka: &Broker, log: &mut Log) -> Result<Vec<Received>> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.url());
    config.set("enable.idempotence", "true");
    let producer: FutureProducer = config.create()?;
    let mut groups = Vec::new();
    for step in day {
        match *step {
            Step::Subscribes(service, pattern) => {
                let topic = topic_of(pattern);
                log.remark(service, &format!("subscribes to the topic {topic}"));
                let consumer = subscribe(kafka, service, topic)?;
                groups.push((service, pattern, consumer));
            }
            Step::Publishes(service, event, order) => {
                log.event(Event::new(service, Verb::Sent, order).text(event));
                publish(&producer, &kafka.name(topic_of(event)), event, order).await?;
                log.event(Event::new("kafka", Verb::Stored, order).text(event));
            }
        }
    }
    let mut received = Vec::new();
    for (service, pattern, consumer) in &groups {
        let topic = kafka.name(topic_of(pattern));
        received.push(Received {
            service,
            pattern,
            events: read(consumer, &topic).await?,
        });
    }
    let mut records = 0;
    for topic in ["orders", "payments"] {
        let client = producer.client();
        let ask = || client.fetch_watermarks(&kafka.name(topic), 0, PATIENCE);
        let (begin, end) = block_in_place(ask)?;
        records += end - begin;
    }
    log.remark("kafka", &format!("keeps {records} records in 2 topics"));
    // They leave their groups, which takes an answer of Kafka.
    block_in_place(|| drop(groups));
    Ok(received)
}

/// A topic holds all types of event about one thing: `order.created` and `order.shipped` lie in
/// `orders`, in the order in which they happened.
fn topic_of(event: &str) -> &'static str {
    match event.split('.').next() {
        Some("order") => "orders",
        _ => "payments",
    }
}

// ANCHOR: subscribe
fn subscribe(kafka: &Broker, service: &str, topic: &str) -> Result<StreamConsumer> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.url());
    // Each service is a group of its own. Two in one group would share the records.
    config.set("group.id", kafka.name(service));
    // A group without a place begins at the oldest record. The default is `latest`: at the end.
    config.set("auto.offset.reset", "earliest");
    config.set("enable.auto.commit", "false");
    let consumer: StreamConsumer = config.create()?;
    // The name of a topic. There is no call that would name a type of event.
    consumer.subscribe(&[&kafka.name(topic)])?;
    Ok(consumer)
}
// ANCHOR_END: subscribe

// ANCHOR: publish
async fn publish(producer: &FutureProducer, topic: &str, event: &str, order: u32) -> Result<()> {
    let body = format!("o-{order}");
    // The type of the event is a header, which Kafka stores and never looks at.
    let header = Header {
        key: "type",
        value: Some(event),
    };
    let headers = OwnedHeaders::new().insert(header);
    let record = FutureRecord::to(topic).key(&body).payload(&body);
    let delivered = producer.send(record.headers(headers), PATIENCE).await;
    delivered.map_err(|(error, _)| anyhow!("{body} is not stored: {error}"))?;
    Ok(())
}
// ANCHOR_END: publish

/// Reads from the group's place to the end, and moves the place.
async fn read(consumer: &StreamConsumer, topic: &str) -> Result<Vec<(String, u32)>> {
    let (_, end) = block_in_place(|| consumer.fetch_watermarks(topic, 0, PATIENCE))?;
    let (mut events, mut next) = (Vec::new(), 0);
    while next < end {
        let record = timeout(PATIENCE, consumer.recv()).await;
        let record = record.context("Kafka sends nothing")??;
        let order = order_of(record.payload().context("an event is empty")?)?;
        events.push((type_of(&record)?, order));
        next = record.offset() + 1;
        block_in_place(|| consumer.commit_message(&record, CommitMode::Sync))?;
    }
    Ok(events)
}

fn type_of(record: &BorrowedMessage<'_>) -> Result<String> {
    let headers = record.headers().context("an event has no type")?;
    let header = headers.iter().find(|header| header.key == "type");
    let value = header.and_then(|header| header.value);
    Ok(std::str::from_utf8(value.context("an event has no type")?)?.to_owned())
}
