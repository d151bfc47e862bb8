//! Naive: the client commits by itself, and the loop is the work.

use std::time::Duration;

use anyhow::{Context, Result};
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message};

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol04-commit-after-work`, which starts this program";
    let servers = std::env::var("KAFKA_BOOTSTRAP_SERVERS").context(ask)?;
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &servers)
        .set("enable.idempotence", "true")
        .create()?;
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", &servers)
        .set("group.id", "inventory")
        // An instance that is started after a kill takes the dead one's place at once.
        .set("group.instance.id", "inventory-1")
        .set("auto.offset.reset", "earliest")
        // The client's own commits come each second, and not each 5 s: who looks at the group's lag sees
        // what is done.
        .set("auto.commit.interval.ms", "1000")
        .create()?;
    consumer.subscribe(&["orders"])?;
    loop {
        let record = match consumer.recv().await {
            Ok(record) => record,
            Err(error @ KafkaError::MessageConsumptionFatal(_)) => return Err(error.into()),
            // Other errors are news: the client goes on trying by itself. `AutoOffsetReset` would be
            // another end, but it comes with `auto.offset.reset=error` alone.
            Err(error) => {
                eprintln!("{error}");
                continue;
            }
        };
        let order = String::from_utf8(record.key().context("no key")?.to_vec())?;
        // Whoever does not come to the next order has not committed this one.
        reserve(&producer, &order).await?;
    }
}

/// The work on an order. It is done when Kafka has what came of it.
async fn reserve(producer: &FutureProducer, order: &str) -> Result<()> {
    let body = format!("stock.reserved {order}");
    let record = FutureRecord::to("stock").key(order).payload(&body);
    let sent = producer.send(record, Duration::from_secs(5)).await;
    sent.map_err(|(error, _)| error)?;
    Ok(())
}
