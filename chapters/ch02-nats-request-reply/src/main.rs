//! Request and reply: one answer, none, a late one, several, and the list of who serves.
//!
//! ```console
//! cargo run -p ch02-nats-request-reply
//! cargo run -p ch02-nats-request-reply -- --bank slow
//! cargo run -p ch02-nats-request-reply -- --bank slow --ledger yes
//! ```

mod args;
mod inventory;
mod orders;
mod payments;

use std::cell::RefCell;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use args::Args;
use async_nats::service::Stats;
use async_nats::{Client, ConnectOptions, RequestErrorKind};
use brokers::Broker;
use clap::Parser;
use history::Log;
use inventory::Inventory;
use orders::Orders;
use payments::Payments;

/// How long orders waits for an answer.
const PATIENCE: Duration = Duration::from_millis(800);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args = Args::parse();
    let nats = brokers::nats().await?;
    let log = RefCell::new(Log::new());
    let outcome = tokio::select! {
        outcome = open_shop(&args, &nats, &log) => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    nats.stop().await?;
    outcome?;
    log.into_inner().finish(&[])?;
    Ok(())
}

async fn open_shop(args: &Args, nats: &Broker, log: &RefCell<Log>) -> Result<()> {
    let client = connect(nats, "orders").await?;
    let orders = Orders { client, log };
    let charge = nats.name("payment.charge");
    // Nobody serves yet.
    orders.ask(&charge, 1, PATIENCE).await?;
    let client = connect(nats, "payments").await?;
    let mut payments = Payments::open(&client, &service(nats, "payments"), charge).await?;
    round_trip(&client).await?;
    log.borrow_mut().remark("payments", "serves");
    let reserve = nats.name("stock.reserve");
    let warehouses = connect(nats, "inventory").await?;
    let name = service(nats, "inventory");
    let mut inventory = Inventory::open(&warehouses, &name, &reserve).await?;
    round_trip(&warehouses).await?;
    log.borrow_mut()
        .remark("inventory", "serves, three instances");
    tokio::select! {
        outcome = day(&orders, nats) => outcome?,
        () = payments.serve(args, log) => bail!("payments has ended"),
        () = inventory.serve() => bail!("inventory has ended"),
    }
    payments.close().await?;
    // Nothing waits in the clients that anybody wants: orders has heard all answers. So they need no
    // `drain`.
    inventory.close().await
}

async fn day(orders: &Orders<'_>, nats: &Broker) -> Result<()> {
    let charge = nats.name("payment.charge");
    for order in [1, 2] {
        if !orders.ask(&charge, order, PATIENCE).await? {
            // The second attempt waits longer: by now we know that the bank is slow.
            orders.ask(&charge, order, PATIENCE * 20).await?;
        }
    }
    // ANCHOR: scatter
    let answers = orders.gather(nats.name("stock.reserve"), "o-1").await?;
    orders.says(&format!("hears {} warehouses", answers.len()));
    // ANCHOR_END: scatter
    // ANCHOR: discover
    for base in ["payments", "inventory"] {
        let subject = format!("$SRV.STATS.{}", service(nats, base));
        let answers = orders.gather(subject, "").await?;
        let stats = answers.iter();
        let stats = stats.map(|answer| serde_json::from_slice(&answer.payload));
        let stats: Vec<Stats> = stats.collect::<Result<_, _>>()?;
        let endpoints = stats.iter().flat_map(|instance| &instance.endpoints);
        let served: usize = endpoints.map(|endpoint| endpoint.requests).sum();
        let found = stats.len();
        orders.says(&format!(
            "finds {found} of {base}, which have served {served}"
        ));
    }
    // ANCHOR_END: discover
    Ok(())
}

/// A service's name on this server. It has no dots.
fn service(nats: &Broker, base: &str) -> String {
    nats.name(base).replace('.', "-")
}

async fn connect(nats: &Broker, name: &str) -> Result<Client> {
    let client = ConnectOptions::new().name(name).connect(nats.url()).await;
    client.context("cannot connect to NATS")
}

/// Returns when the server knows of all that this connection subscribed before.
async fn round_trip(client: &Client) -> Result<()> {
    match client.request(client.new_inbox(), "".into()).await {
        Err(error) if error.kind() == RequestErrorKind::NoResponders => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => bail!("somebody answers in our inbox"),
    }
}

/// `o-3` is order 3.
fn order_of(body: &[u8]) -> Result<u32> {
    let number = std::str::from_utf8(body)?.strip_prefix("o-");
    Ok(number.context("not an order")?.parse()?)
}
