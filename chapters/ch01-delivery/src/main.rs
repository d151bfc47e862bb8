//! At most once, at least once, effectively once: the same crash, and what becomes of the order.
//!
//! ```console
//! cargo run -p ch01-delivery -- --delivery at-most-once
//! cargo run -p ch01-delivery -- --delivery at-least-once
//! cargo run -p ch01-delivery -- --delivery effectively-once
//! ```

mod args;
mod bank;
mod payments;
mod queue;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use args::{Args, Crash, Role};
use bank::Bank;
use brokers::{Broker, Worker};
use clap::Parser;
use history::{Event, Log, Verb, lane};
use lapin::options::*;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use queue::{declare, nobody_consumes};
use tokio::time::timeout;

const QUEUE: &str = "payments.payment.charge";
const ORDERS: u32 = 3;
/// How long payments may say nothing before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    match &args.role {
        Some(Role::Payments { bank }) => payments::serve(&args, bank).await,
        None => open_shop(&args).await,
    }
}

async fn open_shop(args: &Args) -> Result<()> {
    let rabbit = brokers::rabbitmq().await?;
    let connection = connect(rabbit.url(), "shop").await?;
    let channel = connection.create_channel().await?;
    rabbit.claim_queue(QUEUE).await?;
    declare(&channel).await?;
    let bank = tempfile::tempdir().context("no place for the bank")?;
    let mut log = Log::new();
    let outcome = tokio::select! {
        outcome = trade(args, &rabbit, bank.path(), &channel, &mut log) => outcome,
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

// ANCHOR: trade
async fn trade(
    args: &Args,
    rabbit: &Broker,
    bank: &Path,
    channel: &Channel,
    log: &mut Log,
) -> Result<()> {
    publish(channel, log).await?;
    let mut payments = start(args, args.crash, rabbit, bank)?;
    let mut acknowledged = 0;
    while acknowledged < ORDERS {
        let line = timeout(PATIENCE, payments.line()).await;
        let line = line.context("payments says nothing")??;
        let line = line.context("payments has ended")?;
        if line == payments::STANDS_STILL {
            // Payments is where it shall die. SIGKILL: it says goodbye to nobody.
            payments.kill().await?;
            log.remark("payments", "is killed and starts again");
            timeout(PATIENCE, nobody_consumes(channel)).await??;
            payments = start(args, Crash::None, rabbit, bank)?;
        } else if let Ok(event) = line.parse::<Event>() {
            log.event(event);
        // ANCHOR_END: trade
        } else if let Some((lane, text)) = lane(&line) {
            acknowledged += u32::from(text.starts_with("acknowledges"));
            log.remark(lane, text);
        }
    }
    // The last acknowledgement may come before its charge. At the end of its input payments ends,
    // and not before it has done what it has in hand.
    payments.dismiss();
    while let Some(line) = payments.line().await? {
        log.event(line.parse()?);
    }
    ensure!(payments.ended().await?.success(), "payments failed");
    let charges = Bank::at(bank).charges()?;
    let text = format!("counts {charges} charges for {ORDERS} orders");
    log.remark("accounting", &text);
    Ok(())
}

fn start(args: &Args, crash: Crash, rabbit: &Broker, bank: &Path) -> Result<Worker> {
    let knobs = ["--delivery", args.delivery.name(), "--crash", crash.name()];
    let role = ["payments".as_ref(), bank.as_os_str()];
    let words = knobs.iter().map(|word| word.as_ref()).chain(role);
    Worker::start(rabbit, words).context("cannot start payments")
}

async fn publish(channel: &Channel, log: &mut Log) -> Result<()> {
    channel.confirm_select(Default::default()).await?;
    for order in 1..=ORDERS {
        let body = format!("o-{order}");
        let properties = BasicProperties::default().with_delivery_mode(2);
        let options = BasicPublishOptions::default();
        let (exchange, key) = ("".into(), QUEUE.into());
        let publish = channel.basic_publish(exchange, key, options, body.as_bytes(), properties);
        match publish.await?.await? {
            Confirmation::Ack(_) => log.event(Event::new("rabbit", Verb::Stored, order)),
            refused => bail!("o-{order} is not stored, publish it again: {refused:?}"),
        }
    }
    Ok(())
}
