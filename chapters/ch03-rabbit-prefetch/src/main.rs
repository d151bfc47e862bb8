//! Prefetch: two workers are busy, eight orders wait, and a third worker joins. What does it get?
//!
//! ```console
//! cargo run -p ch03-rabbit-prefetch
//! cargo run -p ch03-rabbit-prefetch -- --prefetch 0
//! cargo run -p ch03-rabbit-prefetch -- --prefetch 3
//! ```

mod args;
mod shop;
mod worker;

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use args::Args;
use clap::Parser;
use history::{Event, Log, Verb};
use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use shop::{declare, publish};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use worker::Worker;

const QUEUE: &str = "payments.payment.charge";
const ORDERS: u32 = 10;
/// The bank answers this many of the first orders late.
const SLOW: u32 = 2;
/// How long to wait for the workers before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let rabbit = brokers::rabbitmq().await?;
    let connection = connect(rabbit.url(), "shop").await?;
    let channel = connection.create_channel().await?;
    rabbit.claim_queue(QUEUE).await?;
    declare(&channel).await?;
    let mut log = Log::new();
    let outcome = tokio::select! {
        outcome = trade(&args, rabbit.url(), &channel, &mut log) => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    let delete = QueueDeleteOptions::default();
    channel.queue_delete(QUEUE.into(), delete).await?;
    connection.close(200, "the shop closes".into()).await?;
    rabbit.stop().await?;
    outcome?;
    log.finish(&[])?;
    Ok(())
}

async fn connect(url: &str, name: &str) -> Result<Connection> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let connection = Connection::connect(url, properties).await;
    connection.context("cannot connect to RabbitMQ")
}

async fn trade(args: &Args, url: &str, channel: &Channel, log: &mut Log) -> Result<()> {
    let (bank, answers) = watch::channel(false);
    let (said, mut heard) = mpsc::channel(16);
    let join = |number| Worker::join(url, number, args.prefetch, answers.clone(), said.clone());
    let mut crew = Vec::new();
    for number in 1..=2 {
        crew.push(join(number).await?);
    }
    publish(channel, log).await?;
    for _worker in &crew {
        // Each has its first order and waits for the bank.
        hear(&mut heard, log).await?;
    }
    // ANCHOR: third
    // What the queue can still give: neither delivered nor acknowledged.
    let waiting = ready(channel).await?;
    log.remark("rabbit", &format!("ready {waiting}"));
    crew.push(join(3).await?);
    log.remark("worker 3", "joins");
    // The bank lets the first two workers wait until the third has done all that it can get.
    while done(log, "worker 3") < waiting {
        hear(&mut heard, log).await?;
    }
    bank.send(true)?;
    while done(log, "worker") < ORDERS {
        hear(&mut heard, log).await?;
    }
    // ANCHOR_END: third
    let did = done(log, "worker 3");
    log.remark("worker 3", &format!("did {did} of {ORDERS} orders"));
    for worker in crew {
        worker.leave().await?;
    }
    Ok(())
}

/// How many orders are done by the workers whose name begins so.
fn done(log: &Log, name: &str) -> u32 {
    let is_done = |event: &&Event| event.verb == Verb::Done && event.lane.starts_with(name);
    let done = log.events().iter().filter(is_done).count();
    u32::try_from(done).unwrap_or(u32::MAX)
}

async fn hear(heard: &mut mpsc::Receiver<Event>, log: &mut Log) -> Result<()> {
    let event = timeout(PATIENCE, heard.recv()).await;
    let event = event.context("the workers say nothing")?;
    log.event(event.context("no worker is left")?);
    Ok(())
}

// ANCHOR: ready
async fn ready(channel: &Channel) -> Result<u32> {
    // A passive declaration changes nothing. It fails where there is no such queue, and tells how
    // many messages are ready: those that no consumer holds.
    let passive = QueueDeclareOptions {
        passive: true,
        ..Default::default()
    };
    let queue = channel.queue_declare(QUEUE.into(), passive, FieldTable::default());
    Ok(queue.await?.message_count())
}
// ANCHOR_END: ready
