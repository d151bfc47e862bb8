//! Right, and unlike the solution: what nobody takes now goes back to the queue, which does not
//! count a nack.

use std::env::var;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use lapin::options::{BasicNackOptions, BasicPublishOptions, BasicRejectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use tokio::time::interval;

/// What has come of a charge.
#[derive(Debug)]
enum Outcome {
    /// A queue has the result.
    Processed,
    /// The body has no amount.
    Unreadable,
    /// No queue takes the result.
    NotTaken,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol03-poison-to-dead-letter`, which starts this program";
    let url = var("AMQP_URL").context(ask)?;
    let (from, to) = (var("CHARGES_QUEUE")?, var("RESULTS_QUEUE")?);
    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    let results = connection.create_channel().await?;
    results.confirm_select(Default::default()).await?;
    let payments = connection.create_channel().await?;
    payments.basic_qos(1, Default::default()).await?;
    let consumer = payments.basic_consume(
        from.as_str().into(),
        "payments".into(),
        Default::default(),
        Default::default(),
    );
    let mut charges = consumer.await?;
    let mut pause = interval(Duration::from_millis(100));
    while let Some(charge) = charges.next().await {
        let charge = charge?;
        match process(&results, &to, &charge.data).await? {
            Outcome::Processed => charge.ack(Default::default()).await?,
            Outcome::Unreadable => charge.reject(BasicRejectOptions::default()).await?,
            Outcome::NotTaken => {
                // It begins here: an attempt that took long does not shorten it.
                pause.reset();
                pause.tick().await;
                let again = BasicNackOptions {
                    requeue: true,
                    ..Default::default()
                };
                charge.nack(again).await?
            }
        };
    }
    bail!("RabbitMQ has cancelled the consumer: is the queue gone, or was a charge held too long?")
}

/// The work on a charge: `o-1 10 EUR` is one of 10 euros.
async fn process(results: &Channel, to: &str, charge: &[u8]) -> Result<Outcome> {
    let charge = String::from_utf8_lossy(charge);
    let mut words = charge.split(' ');
    let (order, amount) = (words.next().unwrap_or_default(), words.next());
    let amount: Option<u32> = amount.and_then(|amount| amount.parse().ok());
    if amount.is_none() {
        return Ok(Outcome::Unreadable);
    }
    // Mandatory: what no queue takes comes back with its confirm.
    let mandatory = BasicPublishOptions {
        mandatory: true,
        ..Default::default()
    };
    let sent = results.basic_publish(
        "".into(),
        to.into(),
        mandatory,
        order.as_bytes(),
        BasicProperties::default().with_delivery_mode(2),
    );
    match sent.await?.await? {
        Confirmation::Ack(None) => Ok(Outcome::Processed),
        _ => Ok(Outcome::NotTaken),
    }
}
