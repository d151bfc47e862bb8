//! The orders service: it publishes each order that it reads from its standard input.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Confirmation, Connection, ConnectionProperties};
use tokio::time::{MissedTickBehavior, interval};

/// A message that a durable queue keeps on disk.
const PERSISTENT: u8 = 2;

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol03-confirm-before-forget`, which starts this program";
    let url = std::env::var("AMQP_URL").context(ask)?;
    // What RabbitMQ has not confirmed yet. A service that may end itself keeps it in a database.
    let mut kept: VecDeque<String> = std::io::stdin().lines().collect::<Result<_, _>>()?;
    let mut attempts = interval(Duration::from_millis(300));
    // Else the ticks missed while it published all come at once, and the attempts with them.
    attempts.set_missed_tick_behavior(MissedTickBehavior::Delay);
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
    channel.confirm_select(Default::default()).await?;
    while let Some(order) = kept.front() {
        let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
        // An order that no queue takes comes back with its confirm, and is kept.
        let mandatory = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        let sent = channel.basic_publish(
            "shop".into(),
            "order.created".into(),
            mandatory,
            order.as_bytes(),
            properties,
        );
        // The first `await` ends when the message is on its way, the second one with the answer.
        match sent.await?.await? {
            Confirmation::Ack(None) => kept.pop_front(),
            other => bail!("{order}: {other:?}"),
        };
    }
    connection.close(200, "all is published".into()).await?;
    Ok(())
}
