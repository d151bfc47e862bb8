//! Naive: the client's repeats are off, and the program sends again what failed.

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
        // So that a report is final, and nobody but this program sends an order twice.
        .set("message.send.max.retries", "0")
        .create()?;
    for order in &orders {
        let body = format!("order.created {order}");
        loop {
            let record = FutureRecord::to(&topic).key(order).payload(&body);
            match producer.send(record, Duration::from_secs(5)).await {
                Ok(_) => break,
                // What the report calls failed is not stored, so it is sent again.
                Err((error, _)) => eprintln!("{order}: {error}, again"),
            }
        }
    }
    Ok(())
}
