//! A shutdown under load: a worker gets SIGTERM in the middle of its work, and another one goes on.
//!
//! ```console
//! cargo run -p ch06-shutdown
//! cargo run -p ch06-shutdown -- --exit at-once
//! cargo run -p ch06-shutdown -- --exit at-once --ack auto
//! ```

mod args;
mod queue;
mod worker;

use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use args::{Ack, Args, Exit, Role};
use brokers::{Broker, Worker};
use clap::Parser;
use history::{Event, Log, Verb, lane};
use lapin::options::QueueDeleteOptions;
use lapin::{Channel, Connection, ConnectionProperties};
use queue::{declare, no_more_than, nobody_consumes, publish, ready};
use tokio::time::timeout;

const QUEUE: &str = "payments.payment.charge";
const ORDERS: u32 = 8;
/// How long a worker may say nothing before that is an error.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    match args.role {
        Some(Role::Worker { number, last }) => worker::work(&args, number, last).await,
        None => open_shop(&args).await,
    }
}

async fn open_shop(args: &Args) -> Result<()> {
    let rabbit = brokers::rabbitmq().await?;
    let connection = connect(rabbit.url(), "shop").await?;
    let channel = connection.create_channel().await?;
    rabbit.claim_queue(QUEUE).await?;
    declare(&channel).await?;
    let mut log = Log::new();
    let outcome = tokio::select! {
        outcome = trade(args, &rabbit, &channel, &mut log) => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    let delete = QueueDeleteOptions::default();
    let left = channel.queue_delete(QUEUE.into(), delete).await?;
    connection.close(200, "the shop closes".into()).await?;
    rabbit.stop().await?;
    outcome?;
    ensure!(left == 0, "{left} orders are still in the queue");
    log.finish(&[])?;
    Ok(())
}

async fn connect(url: &str, name: &str) -> Result<Connection> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let connection = Connection::connect(url, properties).await;
    connection.context("cannot connect to RabbitMQ")
}

async fn trade(args: &Args, rabbit: &Broker, channel: &Channel, log: &mut Log) -> Result<()> {
    publish(channel, log).await?;
    // The old worker has charged o-3, and its receipt is not written yet.
    let (in_work, left) = (3, if args.ack == Ack::Auto { 0 } else { 3 });
    let old = start(args, args.exit, rabbit, 1, in_work)?;
    end_after(old, in_work, channel, left, log).await?;
    timeout(PATIENCE, nobody_consumes(channel)).await??;
    let waiting = ready(channel).await?;
    log.remark("shop", &format!("ready {waiting} for worker 2"));
    if waiting > 0 {
        let new = start(args, Exit::Orderly, rabbit, 2, ORDERS)?;
        end_after(new, ORDERS, channel, 0, log).await?;
    }
    Ok(())
}

fn start(args: &Args, exit: Exit, rabbit: &Broker, number: u32, last: u32) -> Result<Worker> {
    let knobs = ["--exit", exit.name(), "--ack", args.ack.name()];
    let (number, last) = (number.to_string(), last.to_string());
    let role = ["worker", number.as_str(), last.as_str()];
    let worker = Worker::start(rabbit, knobs.iter().chain(&role));
    worker.context("cannot start a worker")
}

/// Records what a worker does, and sends it SIGTERM when this order is charged and all but `left`
/// orders have left the queue: then the worker holds what it can hold.
async fn end_after(
    mut worker: Worker,
    order: u32,
    channel: &Channel,
    left: u32,
    log: &mut Log,
) -> Result<()> {
    loop {
        let line = timeout(PATIENCE, worker.line()).await;
        let Some(line) = line.context("a worker says nothing")?? else {
            break;
        };
        let Ok(event) = line.parse::<Event>() else {
            let (lane, text) = lane(&line).context("a worker speaks in no lane")?;
            log.remark(lane, text);
            continue;
        };
        let (is_last, name) = (event.message == order, event.lane.clone());
        let is_charged = event.verb == Verb::Done;
        log.event(event);
        if is_last && is_charged {
            timeout(PATIENCE, no_more_than(left, channel)).await??;
            worker.terminate()?;
            log.remark("shop", &format!("sends SIGTERM to {name}, after o-{order}"));
        }
    }
    // By the signal, or by itself.
    worker.ended().await?;
    Ok(())
}
