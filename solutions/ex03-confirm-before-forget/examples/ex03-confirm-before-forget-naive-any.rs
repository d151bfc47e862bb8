//! Naive: RabbitMQ has answered, so the order is done with.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, Result};
use lapin::{BasicProperties, Connection, ConnectionProperties};

/// A message that a durable queue keeps on disk.
const PERSISTENT: u8 = 2;

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol03-confirm-before-forget`, which starts this program";
    let url = std::env::var("AMQP_URL").context(ask)?;
    // What RabbitMQ has not answered yet.
    let mut kept: VecDeque<String> = std::io::stdin().lines().collect::<Result<_, _>>()?;
    let mut attempts = tokio::time::interval(Duration::from_millis(300));
    while !kept.is_empty() {
        attempts.tick().await;
        if let Err(error) = publish(&url, &mut kept).await {
            eprintln!("{} orders are not answered: {error:#}", kept.len());
        }
    }
    Ok(())
}

/// Publishes until nothing is left, or something fails. What had no answer then is kept.
async fn publish(url: &str, kept: &mut VecDeque<String>) -> Result<()> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(Default::default()).await?;
    while let Some(order) = kept.front() {
        let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
        let sent = channel.basic_publish(
            "shop".into(),
            "order.created".into(),
            Default::default(),
            order.as_bytes(),
            properties,
        );
        // The second `await` is the confirm.
        sent.await?.await?;
        kept.pop_front();
    }
    connection.close(200, "all is published".into()).await?;
    Ok(())
}
