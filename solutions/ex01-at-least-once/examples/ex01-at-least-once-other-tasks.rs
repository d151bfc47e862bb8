//! Right, and unlike the solution: all charges are in work at the same time, and those whose results are
//! refused go back to their queue.

use std::env::var;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
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
                let delivery = delivery.context("RabbitMQ has cancelled the consumer")??;
                tasks.spawn(work(channel.clone(), results.clone(), delivery));
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

/// Gives the charge back if its result is refused.
async fn work(channel: Channel, results: String, charge: Delivery) -> Result<Option<Delivery>> {
    let sent = channel.basic_publish(
        "".into(),
        results.into(),
        Default::default(),
        &charge.data,
        BasicProperties::default().with_delivery_mode(2),
    );
    if !sent.await?.await?.is_ack() {
        return Ok(Some(charge));
    }
    charge.ack(BasicAckOptions::default()).await?;
    Ok(None)
}
