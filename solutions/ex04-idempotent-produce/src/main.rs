//! The orders service: it publishes an event for each order that it reads from its standard input.

use std::time::Duration;

use anyhow::{Context, Result};
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol04-idempotent-produce`, which starts this program";
    let servers = std::env::var("KAFKA_BOOTSTRAP_SERVERS").context(ask)?;
    let topic = std::env::var("ORDERS_TOPIC").context(ask)?;
    let orders: Vec<String> = std::io::stdin().lines().collect::<Result<_, _>>()?;
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &servers)
        // The client numbers its batches, and Kafka drops one whose number it has stored. Without
        // this, what the client repeats after a lost answer is stored a second time.
        .set("enable.idempotence", "true")
        .create()?;
    for order in &orders {
        let body = format!("order.created {order}");
        let record = FutureRecord::to(&topic).key(order).payload(&body);
        // The report comes after all repeats. If it is an error, nobody here sends the order again:
        // that record would have a new number.
        let sent = producer.send(record, Duration::from_secs(5)).await;
        sent.map_err(|(error, _)| error).context(body)?;
    }
    Ok(())
}
