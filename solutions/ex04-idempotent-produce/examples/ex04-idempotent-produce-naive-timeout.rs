//! Naive: the producer is idempotent, so an order whose report is bad may be sent again.

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
        .set("enable.idempotence", "true")
        // Nobody waits five minutes for a report.
        .set("message.timeout.ms", "5000")
        .create()?;
    for order in &orders {
        let body = format!("order.created {order}");
        loop {
            let record = FutureRecord::to(&topic).key(order).payload(&body);
            match producer.send(record, Duration::from_secs(5)).await {
                Ok(_) => break,
                // Kafka knows it again, if it has it.
                Err((error, _)) => eprintln!("{order}: {error}, again"),
            }
        }
    }
    Ok(())
}
