//! A queue group: each charge goes to one of two workers, and a subscriber beside them hears all.
//!
//! ```console
//! cargo run -p ch02-nats-queue-group
//! cargo run -p ch02-nats-queue-group -- --leave kill
//! cargo run -p ch02-nats-queue-group -- --leave drain
//! ```

mod args;
mod crew;
mod worker;

use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use args::{Args, Leave, Role};
use async_nats::{Client, ConnectOptions, RequestErrorKind, Subscriber};
use brokers::Broker;
use clap::Parser;
use crew::Crew;
use futures_util::StreamExt;
use history::{Event, Log, Verb, strip};
use tokio::time::timeout;

/// How long to wait for an answer or a message before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);

// One thread: what waits in a client is written only at an `await` that has to wait.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args = Args::parse();
    match args.role {
        Some(Role::Worker {
            number,
            subject,
            presence,
            stands_at,
        }) => worker::work(number, subject, presence, stands_at).await,
        None => open_shop(args.leave).await,
    }
}

async fn open_shop(leave: Leave) -> Result<()> {
    let nats = brokers::nats().await?;
    let mut log = Log::new();
    let outcome = tokio::select! {
        outcome = trade(leave, &nats, &mut log) => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    nats.stop().await?;
    outcome?;
    // Analytics has copies of its own. The strip judges the group: was each card charged, once?
    let judged = |event: &&Event| event.lane != "analytics";
    let events: Vec<Event> = log.events().iter().filter(judged).cloned().collect();
    log.close(&strip(&events, &[]))?;
    Ok(())
}

async fn trade(leave: Leave, nats: &Broker, log: &mut Log) -> Result<()> {
    let subject = nats.name("payment.charge");
    let orders = connect(nats.url(), "orders").await?;
    let analytics = connect(nats.url(), "analytics").await?;
    // ANCHOR: beside
    // Without the name of a group: this subscription is alone, and has a copy of everything.
    let mut copies = analytics.subscribe(subject.clone()).await?;
    round_trip(&analytics).await?;
    // ANCHOR_END: beside
    let mut crew = Crew::new(orders.clone(), subject.clone());
    // Where one of them leaves, it is at this order.
    let stands_at = if leave == Leave::No { 0 } else { 2 };
    crew.join(nats, stands_at, log).await?;
    if leave == Leave::No {
        crew.join(nats, 0, log).await?;
        publish(&orders, &subject, 1..=8, log).await?;
        crew.charge_together(8, log).await?;
        listen(&mut copies, 8, log).await?;
    } else {
        // ANCHOR: change
        publish(&orders, &subject, 1..=4, log).await?;
        crew.until("worker 1  got o-1", log).await?;
        crew.join(nats, 0, log).await?;
        crew.until("worker 1  got o-2", log).await?;
        match leave {
            Leave::Kill => crew.kill_first(log).await?,
            _ => crew.ask_first_to_leave(log).await?,
        }
        publish(&orders, &subject, 5..=8, log).await?;
        // ANCHOR_END: change
        crew.until("worker 2  done o-8", log).await?;
        listen(&mut copies, 8, log).await?;
    }
    // Nothing waits in the clients here: each `publish` has ended with a round trip. So they need no
    // `drain`.
    crew.go_home(log).await
}

// ANCHOR: publish
/// Publishes a charge for each order, and returns when the server has dealt them all out.
async fn publish(
    client: &Client,
    subject: &str,
    numbers: RangeInclusive<u32>,
    log: &mut Log,
) -> Result<()> {
    for order in numbers {
        // The publisher knows neither the group nor its members.
        let body = format!("o-{order}");
        client.publish(subject.to_owned(), body.into()).await?;
        log.event(Event::new("orders", Verb::Sent, order).text("payment.charge"));
    }
    round_trip(client).await
}
// ANCHOR_END: publish

/// What analytics has heard.
async fn listen(copies: &mut Subscriber, count: u32, log: &mut Log) -> Result<()> {
    for _ in 0..count {
        let message = timeout(PATIENCE, copies.next()).await?;
        let order = order_of(&message.context("the subscription ended")?.payload)?;
        log.event(Event::new("analytics", Verb::Got, order));
    }
    Ok(())
}

async fn connect(url: &str, name: &str) -> Result<Client> {
    let client = ConnectOptions::new().name(name).connect(url).await;
    client.context("cannot connect to NATS")
}

/// Returns when the server has dealt with all that this connection wrote before, and all that it
/// sent us before is here: it answers in order, and at once where nobody listens.
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
