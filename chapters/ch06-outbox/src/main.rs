//! An outbox: an order and the event about it are saved in one transaction, and a relay publishes
//! what is saved.
//!
//! ```console
//! cargo run -p ch06-outbox
//! cargo run -p ch06-outbox -- --way save-first --kill-at publish
//! cargo run -p ch06-outbox -- --way publish-first --kill-at commit
//! ```

mod args;
mod database;
mod inventory;
mod orders;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use args::{Args, KillAt, Role};
use brokers::{Broker, Worker};
use clap::Parser;
use history::{Event, Log, Verb, lane, strip};
use lapin::{Connection, ConnectionProperties};
use tokio::time::timeout;

const EXCHANGE: &str = "shop";
const KEY: &str = "order.created";
const QUEUE: &str = "inventory.order.created";
const ORDERS: u32 = 5;
/// How long the orders service may say nothing before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    match &args.role {
        Some(Role::Orders { database, from }) => orders::serve(&args, database, *from).await,
        None => open_shop(&args).await,
    }
}

async fn open_shop(args: &Args) -> Result<()> {
    let rabbit = brokers::rabbitmq().await?;
    rabbit.claim_exchange(EXCHANGE).await?;
    rabbit.claim_queue(QUEUE).await?;
    let connection = connect(rabbit.url(), "shop").await?;
    let channel = connection.create_channel().await?;
    inventory::declare(&channel).await?;
    let folder = tempfile::tempdir().context("no place for the database")?;
    let database = folder.path().join("database");
    let mut log = Log::new();
    let outcome = tokio::select! {
        outcome = async {
            take_orders(args, &rabbit, &database, &mut log).await?;
            inventory::reserve(&channel, &mut log).await
        } => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    inventory::delete(&channel).await?;
    connection.close(200, "the shop closes".into()).await?;
    rabbit.stop().await?;
    outcome?;
    compare(&database::saved(&database)?, log)
}

async fn connect(url: &str, name: &str) -> Result<Connection> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let connection = Connection::connect(url, properties).await;
    connection.context("cannot connect to RabbitMQ")
}

async fn take_orders(args: &Args, rabbit: &Broker, database: &Path, log: &mut Log) -> Result<()> {
    let mut orders = start(args, args.kill_at, rabbit, database, 1)?;
    loop {
        let line = timeout(PATIENCE, orders.line()).await;
        let Some(line) = line.context("the orders service says nothing")?? else {
            break;
        };
        if line == orders::STANDS_STILL {
            // SIGKILL. SQLite closes nothing, lapin says nothing to the broker.
            orders.kill().await?;
            let step = args.kill_at.name();
            log.remark("orders", &format!("killed before the {step} of o-3"));
            // The customer of o-3 sees an error and gives up.
            orders = start(args, KillAt::Nowhere, rabbit, database, 4)?;
        } else if let Ok(event) = line.parse::<Event>() {
            log.event(event);
        } else if let Some((lane, text)) = lane(&line) {
            log.remark(lane, text);
        }
    }
    ensure!(orders.ended().await?.success(), "the orders service failed");
    Ok(())
}

fn start(
    args: &Args,
    kill_at: KillAt,
    rabbit: &Broker,
    database: &Path,
    from: u32,
) -> Result<Worker> {
    let knobs = ["--way", args.way.name(), "--kill-at", kill_at.name()];
    let from = from.to_string();
    let role = ["orders".as_ref(), database.as_os_str(), from.as_ref()];
    let words = knobs.iter().map(|word| word.as_ref()).chain(role);
    Worker::start(rabbit, words).context("cannot start the orders service")
}

/// Judges the orders that are in the database by what inventory did for them, and names the events
/// that are about none of them.
fn compare(saved: &[u32], mut log: Log) -> Result<()> {
    let is_saved = |event: &&Event| saved.contains(&event.message);
    let is_done = |event: &&Event| event.verb == Verb::Done;
    let reserved: Vec<Event> = log.events().iter().filter(is_done).cloned().collect();
    log.remark("shop", &format!("saved {} orders", saved.len()));
    log.remark("shop", &format!("reserved stock for {}", reserved.len()));
    for phantom in reserved.iter().filter(|event| !is_saved(event)) {
        let order = phantom.message;
        log.remark("shop", &format!("phantom o-{order}: reserved, not saved"));
    }
    let accepted = |order: &u32| Event::new("orders", Verb::Stored, *order);
    let mut events: Vec<Event> = saved.iter().map(accepted).collect();
    events.extend(log.events().iter().filter(is_saved).cloned());
    log.close(&strip(&events, &[]))?;
    Ok(())
}
