//! Naive: all are on their way at the same time, and one call waits until RabbitMQ has them.

use std::time::Duration;

use anyhow::{Context, Result};
use lapin::{BasicProperties, Connection, ConnectionProperties};

/// A message that a durable queue keeps on disk.
const PERSISTENT: u8 = 2;

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol03-confirm-before-forget`, which starts this program";
    let url = std::env::var("AMQP_URL").context(ask)?;
    // What RabbitMQ has not confirmed yet.
    let mut kept: Vec<String> = std::io::stdin().lines().collect::<Result<_, _>>()?;
    let mut attempts = tokio::time::interval(Duration::from_millis(300));
    while !kept.is_empty() {
        attempts.tick().await;
        if let Err(error) = publish(&url, &mut kept).await {
            eprintln!("{} orders are not confirmed: {error:#}", kept.len());
        }
    }
    Ok(())
}

/// Publishes all of them, and waits for their confirms. If anything fails, all are kept.
async fn publish(url: &str, kept: &mut Vec<String>) -> Result<()> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(Default::default()).await?;
    for order in kept.iter() {
        let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
        let sent = channel.basic_publish(
            "shop".into(),
            "order.created".into(),
            Default::default(),
            order.as_bytes(),
            properties,
        );
        sent.await?;
    }
    channel.wait_for_confirms().await?;
    kept.clear();
    connection.close(200, "all is published".into()).await?;
    Ok(())
}
