//! Right, and unlike the solution: each order is a transaction.

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
    // What RabbitMQ has not confirmed yet. A service that may end itself keeps it in a database.
    let mut kept: VecDeque<String> = std::io::stdin().lines().collect::<Result<_, _>>()?;
    let mut attempts = tokio::time::interval(Duration::from_millis(300));
    while !kept.is_empty() {
        attempts.tick().await;
        if let Err(error) = publish(&url, &mut kept).await {
            eprintln!("{} orders are not confirmed: {error:#}", kept.len());
        }
    }
    Ok(())
}

/// Publishes until nothing is left, or something fails. What had no answer then is kept: RabbitMQ
/// may have it or not, and an order that is there twice does less harm than one that is lost.
async fn publish(url: &str, kept: &mut VecDeque<String>) -> Result<()> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    // The older way, and a slow one: what a commit has answered is on disk.
    channel.tx_select().await?;
    while let Some(order) = kept.front() {
        let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
        let sent = channel.basic_publish(
            "shop".into(),
            "order.created".into(),
            Default::default(),
            order.as_bytes(),
            properties,
        );
        sent.await?;
        channel.tx_commit().await?;
        kept.pop_front();
    }
    connection.close(200, "all is published".into()).await?;
    Ok(())
}
