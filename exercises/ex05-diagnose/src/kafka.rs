//! A service that publishes, and ends.

use std::time::Duration;

use anyhow::{Context, Result};
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};

/// Publishes each order that it reads from its standard input.
pub async fn orders(servers: &str) -> Result<()> {
    let topic = std::env::var("ORDERS_TOPIC").context("no topic")?;
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("acks", "all")
        .create()?;
    for order in std::io::stdin().lines() {
        let order = order?;
        let record = FutureRecord::to(&topic)
            .key(&order)
            .payload("order.created");
        let stored = producer.send(record, Duration::from_secs(10)).await;
        stored.map_err(|(error, _)| error)?;
    }
    Ok(())
}
