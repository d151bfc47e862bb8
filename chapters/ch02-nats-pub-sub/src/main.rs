//! Publish and subscribe: four services hear what two others publish, if they listen in time.
//!
//! ```console
//! cargo run -p ch02-nats-pub-sub
//! cargo run -p ch02-nats-pub-sub -- --late yes
//! cargo run -p ch02-nats-pub-sub -- --finish drop
//! ```

mod args;
mod publisher;
mod service;
mod shop;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use args::{Args, Finish, Late, Role};
use async_nats::{Client, ConnectOptions, RequestErrorKind};
use clap::Parser;
use history::{Event, Log, Verb, strip};
use shop::Shop;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

/// How long to wait for an answer of the server before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);

// One thread. What waits in a client is written only where a task lets go of the thread, at an
// `await` that has to wait. So each run does the same; with more threads it would be a race.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args = Args::parse();
    match &args.role {
        Some(Role::Publisher {
            service,
            presence,
            events,
        }) => publisher::work(args.finish, service, presence, events).await,
        None => open_shop(&args).await,
    }
}

async fn open_shop(args: &Args) -> Result<()> {
    let nats = brokers::nats().await?;
    let mut log = Log::new();
    let (lines, said) = mpsc::channel(16);
    let day = async { tokio::try_join!(trade(args, &nats, lines), record(said, &mut log)) };
    let outcome = tokio::select! {
        outcome = day => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    nats.stop().await?;
    outcome?;
    // Each service has its own copies, so the strip judges one of them: was stock reserved for
    // each order?
    let judged = |event: &&Event| {
        event.lane == "inventory" || (event.verb == Verb::Sent && event.text == "order.created")
    };
    let events: Vec<Event> = log.events().iter().filter(judged).cloned().collect();
    log.close(&strip(&events, &[]))?;
    Ok(())
}

// ANCHOR: trade
async fn trade(args: &Args, nats: &brokers::Broker, lines: mpsc::Sender<String>) -> Result<()> {
    let mut shop = Shop::open(nats, lines).await?;
    shop.subscribe("email", "order.*").await?;
    if args.late == Late::No {
        shop.subscribe("inventory", "order.created").await?;
    }
    shop.subscribe("analytics", "order.>").await?;
    shop.subscribe("accounting", "payment.*").await?;

    let morning = ["order.created o-1", "order.created o-2"];
    shop.publish("orders", &morning, args.finish).await?;
    if args.late == Late::Yes {
        shop.subscribe("inventory", "order.created").await?;
    }
    let evening = [
        "order.created o-3",
        "order.created o-4",
        "order.shipped o-1",
    ];
    shop.publish("orders", &evening, args.finish).await?;
    let paid = ["payment.processed o-1", "payment.failed o-2"];
    shop.publish("payments", &paid, Finish::Drain).await?;
    shop.close().await
}
// ANCHOR_END: trade

/// Prints what the services say, in the order in which it gets here.
async fn record(mut said: mpsc::Receiver<String>, log: &mut Log) -> Result<()> {
    while let Some(line) = said.recv().await {
        log.hear(&line).context("a service broke down")?;
    }
    Ok(())
}

/// Connects, and gives a notice for the moment when the connection has ended for good.
async fn connect(url: &str, service: &str) -> Result<(Client, Arc<Notify>)> {
    let closed = Arc::new(Notify::new());
    let notice = closed.clone();
    // The server's connection list shows the name.
    let options = ConnectOptions::new().name(service);
    let options = options.event_callback(move |event| {
        if event == async_nats::Event::Closed {
            notice.notify_one();
        }
        async {}
    });
    let client = options
        .connect(url)
        .await
        .context("cannot connect to NATS")?;
    Ok((client, closed))
}

// ANCHOR: round-trip
/// Returns when the server has dealt with everything that this connection wrote before.
async fn round_trip(client: &Client) -> Result<()> {
    // A new inbox is a subject of our own, for answers. Nobody listens to it, and the server says
    // so at once. It takes the commands of one connection in their order, so its answer comes after
    // what we sent earlier.
    let request = client.request(client.new_inbox(), "".into());
    match timeout(PATIENCE, request)
        .await
        .context("NATS does not answer")?
    {
        Err(error) if error.kind() == RequestErrorKind::NoResponders => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => bail!("somebody answers in our inbox"),
    }
}
// ANCHOR_END: round-trip

// ANCHOR: drain
/// Ends a connection in good order.
async fn drain(client: &Client, closed: &Notify) -> Result<()> {
    // Where the socket is full, `drain` gives up what is not written yet. So that is written first.
    let flushed = timeout(PATIENCE, client.flush()).await;
    flushed.context("NATS does not read")??;
    // This only gives the order: unsubscribe everything, close.
    client.drain().await?;
    // This waits for the end of it. Without this line the process may be gone first.
    timeout(PATIENCE, closed.notified())
        .await
        .context("NATS does not answer")
}
// ANCHOR_END: drain
