//! Right, and unlike the solution: all orders are on their way at the same time, in few batches.

use anyhow::{Context, Result};
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol04-idempotent-produce`, which starts this program";
    let mut config = ClientConfig::new();
    config.set(
        "bootstrap.servers",
        std::env::var("KAFKA_BOOTSTRAP_SERVERS").context(ask)?,
    );
    config
        .set("enable.idempotence", "true")
        .set("linger.ms", "20");
    let producer: FutureProducer = config.create()?;
    let topic = std::env::var("ORDERS_TOPIC").context(ask)?;
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    let mut reports = JoinSet::new();
    while let Some(order) = orders.next_line().await? {
        let (producer, topic) = (producer.clone(), topic.clone());
        reports.spawn(async move {
            let body = format!("order.created {order}");
            let record = FutureRecord::to(&topic).key(&order).payload(&body);
            let sent = producer.send(record, Timeout::Never).await;
            sent.map_err(|(error, _)| error)
        });
    }
    while let Some(report) = reports.join_next().await {
        report??;
    }
    Ok(())
}
