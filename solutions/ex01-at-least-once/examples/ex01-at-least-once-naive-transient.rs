//! Naive: the queue of results is durable, so the results are safe in it.

use std::env::var;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use lapin::options::{BasicPublishOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use tokio::time::{MissedTickBehavior, interval};

/// How long a result waits that is refused again and again.
const PAUSE: Duration = Duration::from_millis(50);

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
        while !publish(&channel, &results, &charge.data).await? {
            tries.tick().await;
        }
        // Not before RabbitMQ has the result: it forgets the charge now. If this does not reach it,
        // the charge comes again and has two results.
        charge.ack(Default::default()).await?;
    }
    bail!("RabbitMQ has cancelled the consumer: is the queue gone?")
}

/// Whether RabbitMQ has taken the result.
async fn publish(channel: &Channel, results: &str, body: &[u8]) -> Result<bool> {
    let properties = BasicProperties::default();
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
