//! Right, and unlike the solution: the answers to all charges are awaited at the same time, and those whose
//! results are refused go back to their queue.

use std::env::var;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, ConnectionProperties, PublisherConfirm};
use tokio::task::JoinSet;
use tokio::time::interval;

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
    let (mut tasks, mut refused) = (JoinSet::new(), Vec::<Delivery>::new());
    let mut rounds = interval(Duration::from_millis(50));
    loop {
        tokio::select! {
            delivery = deliveries.next() => {
                let charge = delivery.context("RabbitMQ has cancelled the consumer")??;
                // One task publishes: answers to several are mixed up.
                let sent = channel.basic_publish(
                    "".into(),
                    results.as_str().into(),
                    Default::default(),
                    &charge.data,
                    BasicProperties::default().with_delivery_mode(2),
                );
                tasks.spawn(settle(sent.await?, charge));
            }
            Some(done) = tasks.join_next() => refused.extend(done??),
            _ = rounds.tick() => {
                for charge in refused.drain(..) {
                    let back = BasicNackOptions {
                        requeue: true,
                        ..BasicNackOptions::default()
                    };
                    charge.nack(back).await?;
                }
            }
        }
    }
}

/// Acknowledges the charge, or gives it back if its result is refused.
async fn settle(result: PublisherConfirm, charge: Delivery) -> Result<Option<Delivery>> {
    if !result.await?.is_ack() {
        return Ok(Some(charge));
    }
    charge.ack(BasicAckOptions::default()).await?;
    Ok(None)
}
