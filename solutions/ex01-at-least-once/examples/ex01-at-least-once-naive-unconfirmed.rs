//! Naive: what was published without an error has arrived.

use std::env::var;

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use lapin::options::BasicQosOptions;
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

/// A message that a durable queue keeps on disk.
const PERSISTENT: u8 = 2;

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol01-at-least-once`, which starts this program";
    let url = var("AMQP_URL").context(ask)?;
    let (charges, results) = (var("CHARGES_QUEUE")?, var("RESULTS_QUEUE")?);
    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    // One at a time, so that a charge waits where another instance can have it.
    channel.basic_qos(1, BasicQosOptions::default()).await?;
    let (options, arguments) = (Default::default(), FieldTable::default());
    let consume = channel.basic_consume(charges.into(), "payments".into(), options, arguments);
    let mut deliveries = consume.await?;
    while let Some(delivery) = deliveries.next().await {
        let charge = delivery?;
        publish(&channel, &results, &charge.data).await?;
        charge.ack(Default::default()).await?;
    }
    bail!("RabbitMQ has cancelled the consumer: is the queue gone?")
}

/// Publishes the result.
async fn publish(channel: &Channel, results: &str, body: &[u8]) -> Result<()> {
    let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
    let options = Default::default();
    let sent = channel.basic_publish("".into(), results.into(), options, body, properties);
    sent.await?;
    Ok(())
}
