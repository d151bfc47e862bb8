//! An inbox: a message that comes again changes nothing, because its id and its effect are stored
//! in one transaction.
//!
//! ```console
//! cargo run -p ch06-inbox
//! cargo run -p ch06-inbox -- --inbox none
//! cargo run -p ch06-inbox -- --inbox id-first --kill-at writes
//! ```

mod args;
mod database;
mod payments;
mod queue;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use args::{Args, KillAt, Role};
use brokers::{Broker, Worker};
use clap::Parser;
use history::{Event, Log, Verb, lane};
use lapin::options::*;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use queue::{declare, nobody_consumes};
use tokio::time::timeout;

const QUEUE: &str = "payments.payment.charge";
const ORDERS: u32 = 5;
/// How long payments may say nothing before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    match &args.role {
        Some(Role::Payments { database }) => payments::serve(&args, database).await,
        None => open_shop(&args).await,
    }
}

async fn open_shop(args: &Args) -> Result<()> {
    let rabbit = brokers::rabbitmq().await?;
    let connection = connect(rabbit.url(), "shop").await?;
    let channel = connection.create_channel().await?;
    rabbit.claim_queue(QUEUE).await?;
    declare(&channel).await?;
    let folder = tempfile::tempdir().context("no place for the database")?;
    let database = folder.path().join("database");
    let mut log = Log::new();
    let outcome = tokio::select! {
        outcome = trade(args, &rabbit, &database, &channel, &mut log) => outcome,
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

async fn trade(
    args: &Args,
    rabbit: &Broker,
    database: &Path,
    channel: &Channel,
    log: &mut Log,
) -> Result<()> {
    publish(channel, log).await?;
    let mut payments = start(args, args.kill_at, rabbit, database)?;
    let mut acknowledged = 0;
    while acknowledged < ORDERS {
        let line = timeout(PATIENCE, payments.line()).await;
        let line = line.context("payments says nothing")??;
        let line = line.context("payments has ended")?;
        if line == payments::STANDS_STILL {
            // SIGKILL. SQLite closes nothing, lapin says nothing to the broker.
            payments.kill().await?;
            let place = args.kill_at.words();
            log.remark("payments", &format!("killed {place} of o-3"));
            timeout(PATIENCE, nobody_consumes(channel)).await??;
            payments = start(args, KillAt::Nowhere, rabbit, database)?;
        } else if let Ok(event) = line.parse::<Event>() {
            log.event(event);
        } else if let Some((lane, text)) = lane(&line) {
            acknowledged += u32::from(text.starts_with("acknowledges"));
            log.remark(lane, text);
        }
    }
    payments.dismiss();
    let ended = payments.ended().await?;
    ensure!(ended.success(), "payments failed");
    let euros = database::taken(database)?;
    let text = format!("took {euros} EUR for {ORDERS} orders of 20");
    log.remark("payments", &text);
    Ok(())
}

fn start(args: &Args, kill_at: KillAt, rabbit: &Broker, database: &Path) -> Result<Worker> {
    let knobs = ["--inbox", args.inbox.name(), "--kill-at", kill_at.name()];
    let role = ["payments".as_ref(), database.as_os_str()];
    let words = knobs.iter().map(|word| word.as_ref()).chain(role);
    Worker::start(rabbit, words).context("cannot start payments")
}

// ANCHOR: publish
async fn publish(channel: &Channel, log: &mut Log) -> Result<()> {
    channel.confirm_select(Default::default()).await?;
    for order in 1..=ORDERS {
        // The id names the fact, not the attempt: were this message published again, after a
        // confirm that never came, it would carry the same id.
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_message_id(format!("charge-o-{order}").into());
        let (options, body) = (BasicPublishOptions::default(), format!("o-{order}"));
        let (exchange, key) = ("".into(), QUEUE.into());
        let publish = channel.basic_publish(exchange, key, options, body.as_bytes(), properties);
        match publish.await?.await? {
            Confirmation::Ack(_) => log.event(Event::new("rabbit", Verb::Stored, order)),
            refused => bail!("o-{order} is not stored, publish it again: {refused:?}"),
        }
    }
    Ok(())
}
// ANCHOR_END: publish
