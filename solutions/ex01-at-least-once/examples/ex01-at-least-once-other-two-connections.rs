//! Right, and unlike the solution: charges are fetched some at a time, results go over a connection of
//! their own, and one acknowledgement is for all that were fetched.

use std::env::var;
use std::time::Duration;

use anyhow::{Context, Result};
use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::time::{MissedTickBehavior, interval};

/// How many charges are fetched before their results are published.
const BATCH: usize = 4;

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol01-at-least-once`, which starts this program";
    let url = var("AMQP_URL").context(ask)?;
    let (charges, results) = (var("CHARGES_QUEUE")?, var("RESULTS_QUEUE")?);
    let from = Connection::connect(&url, ConnectionProperties::default()).await?;
    let to = Connection::connect(&url, ConnectionProperties::default()).await?;
    let (from, to) = (from.create_channel().await?, to.create_channel().await?);
    to.confirm_select(Default::default()).await?;
    let mut tries = interval(Duration::from_millis(50));
    tries.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let batch = fetch(&from, &charges).await?;
        for charge in &batch {
            while !published(&to, &results, &charge.delivery.data).await? {
                tries.tick().await;
            }
        }
        match batch.last() {
            Some(last) => {
                let all = BasicAckOptions { multiple: true };
                last.delivery.ack(all).await?;
            }
            // `basic_get` does not wait for a charge.
            None => drop(tries.tick().await),
        }
    }
}

async fn fetch(from: &Channel, charges: &str) -> Result<Vec<BasicGetMessage>> {
    let mut batch = Vec::new();
    while batch.len() < BATCH {
        let get = from.basic_get(charges.into(), BasicGetOptions::default());
        match get.await? {
            Some(charge) => batch.push(charge),
            None => break,
        }
    }
    Ok(batch)
}

async fn published(to: &Channel, results: &str, body: &[u8]) -> Result<bool> {
    let properties = BasicProperties::default().with_delivery_mode(2);
    let sent = to.basic_publish(
        "".into(),
        results.into(),
        Default::default(),
        body,
        properties,
    );
    Ok(sent.await?.await?.is_ack())
}
