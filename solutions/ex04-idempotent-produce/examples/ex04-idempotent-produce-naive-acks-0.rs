//! Naive: no answer is asked for, so none can be lost.

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
        // It waits for nobody, so it is fast.
        .set("acks", "0")
        .create()?;
    for order in &orders {
        let body = format!("order.created {order}");
        let record = FutureRecord::to(&topic).key(order).payload(&body);
        let sent = producer.send(record, Duration::from_secs(5)).await;
        sent.map_err(|(error, _)| error).context(body)?;
    }
    Ok(())
}
