//! Right, and unlike the solution: all charges are in work at the same time, and one whose result is
//! refused goes back to its queue.

use std::env::var;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol01-at-least-once`, which starts this program";
    let url = var("AMQP_URL").context(ask)?;
    let (charges, results) = (var("CHARGES_QUEUE")?, var("RESULTS_QUEUE")?);
    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(Default::default()).await?;
    let consume = channel.basic_consume(
        charges.into(),
        "".into(),
        Default::default(),
        FieldTable::default(),
    );
    let mut deliveries = consume.await?;
    while let Some(delivery) = deliveries.next().await {
        tokio::spawn(work(channel.clone(), results.clone(), delivery?));
    }
    bail!("RabbitMQ has cancelled the consumer")
}

/// Each task ends with an answer to RabbitMQ, or leaves the charge without one.
async fn work(channel: Channel, results: String, charge: Delivery) -> Result<()> {
    let sent = channel.basic_publish(
        "".into(),
        results.into(),
        Default::default(),
        &charge.data,
        BasicProperties::default().with_delivery_mode(2),
    );
    if sent.await?.await?.is_ack() {
        charge.ack(BasicAckOptions::default()).await?;
    } else {
        tokio::time::sleep(Duration::from_millis(30)).await;
        let back = BasicNackOptions {
            requeue: true,
            ..BasicNackOptions::default()
        };
        charge.nack(back).await?;
    }
    Ok(())
}
