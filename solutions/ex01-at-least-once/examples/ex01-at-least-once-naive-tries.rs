//! Naive: after five attempts the worker has done what it can.

use std::env::var;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use lapin::options::{BasicPublishOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use tokio::time::{MissedTickBehavior, interval};

/// A message that a durable queue keeps on disk.
const PERSISTENT: u8 = 2;
/// How often a result is published that is refused, and how long it waits for the next time.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol01-at-least-once`, which starts this program";
    let url = var("AMQP_URL").context(ask)?;
    let (charges, results) = (var("CHARGES_QUEUE")?, var("RESULTS_QUEUE")?);
    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(Default::default()).await?;
    // So many charges wait here, and the others stay where another instance can have them.
    channel.basic_qos(10, BasicQosOptions::default()).await?;
    let (options, arguments) = (Default::default(), FieldTable::default());
    let consume = channel.basic_consume(charges.into(), "payments".into(), options, arguments);
    let mut deliveries = consume.await?;
    // A full queue tells nobody when it has room again.
    let mut tries = interval(PAUSE);
    tries.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while let Some(delivery) = deliveries.next().await {
        let charge = delivery?;
        for _ in 0..TRIES {
            if publish(&channel, &results, &charge.data).await? {
                break;
            }
            tries.tick().await;
        }
        // Else it comes again, and holds up all others.
        charge.ack(Default::default()).await?;
    }
    bail!("RabbitMQ has cancelled the consumer: is the queue gone?")
}

/// Whether RabbitMQ has taken the result.
async fn publish(channel: &Channel, results: &str, body: &[u8]) -> Result<bool> {
    let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
    // A result that no queue takes comes back with its confirm, and is not taken.
    let mandatory = BasicPublishOptions {
        mandatory: true,
        ..Default::default()
    };
    let sent = channel.basic_publish("".into(), results.into(), mandatory, body, properties);
    // The first `await` ends when the result is on its way, the second one with the answer.
    let answer = sent.await?.await?;
    Ok(matches!(answer, Confirmation::Ack(None)))
}
