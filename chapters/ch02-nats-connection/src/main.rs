//! The life of a connection: the server is killed, four events are published, and who is back
//! first decides what arrives. And a subscriber that does not read.
//!
//! ```console
//! cargo run -p ch02-nats-connection
//! cargo run -p ch02-nats-connection -- --first orders
//! cargo run -p ch02-nats-connection -- --email slow --room 4
//! ```

mod args;
mod service;
mod slow;

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use args::{Args, First, Reads};
use async_nats::{Client, Event as Told, Message, Subscriber};
use brokers::{Broker, Kind, Options};
use clap::Parser;
use futures_util::StreamExt;
use history::{Event, Log, Verb};
use service::{connect, round_trip};
use tokio::time::timeout;

/// How long to wait for an answer, an event or a message before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);
/// The wait before each attempt to connect again, in milliseconds, of who shall be back first.
const SHORT: u64 = 20;
/// And of the other one: longer than NATS needs to start.
const LONG: u64 = 2000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args = Args::parse();
    // It will be killed, so it is a server of this run's own.
    let options = Options {
        private: true,
        ..Default::default()
    };
    let mut nats = brokers::start(Kind::Nats, options).await?;
    let mut log = Log::new();
    let day = async {
        match args.email {
            Reads::Quick => trade(&args, &mut nats, &mut log).await,
            Reads::Slow => slow::trade(args.room, &nats, &mut log).await,
        }
    };
    let outcome = tokio::select! {
        outcome = day => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    nats.stop().await?;
    outcome?;
    log.finish(&[])?;
    Ok(())
}

async fn trade(args: &Args, nats: &mut Broker, log: &mut Log) -> Result<()> {
    let wait = |service: First| if args.first == service { SHORT } else { LONG };
    let mut orders = connect(nats.url(), "orders", wait(First::Orders), args.room).await?;
    let mut email = connect(nats.url(), "email", wait(First::Email), args.room).await?;
    let mut created = email.client.subscribe("order.created").await?;
    round_trip(&email.client).await?;
    publish(&orders.client, [1, 2], log).await?;
    round_trip(&orders.client).await?;
    listen(&email.client, &mut created, log).await?;
    // ANCHOR: outage
    nats.kill().await?;
    log.remark("nats", "is killed");
    orders.until(Told::Disconnected, log).await?;
    email.until(Told::Disconnected, log).await?;
    // Nobody is connected, and each call returns Ok.
    publish(&orders.client, [3, 4], log).await?;
    nats.restart().await?;
    log.remark("nats", "is back");
    let in_turn = match args.first {
        First::Email => [&mut email, &mut orders],
        First::Orders => [&mut orders, &mut email],
    };
    for service in in_turn {
        service.until(Told::Connected, log).await?;
        round_trip(&service.client).await?;
    }
    // ANCHOR_END: outage
    listen(&email.client, &mut created, log).await?;
    // Nothing waits in them: both have heard from the server after their last message.
    for service in [&mut orders, &mut email] {
        service.client.drain().await?;
        service.until(Told::Closed, log).await?;
    }
    Ok(())
}

async fn publish(
    client: &Client,
    numbers: impl IntoIterator<Item = u32>,
    log: &mut Log,
) -> Result<()> {
    for order in numbers {
        let body = format!("o-{order}");
        client.publish("order.created", body.into()).await?;
        log.event(Event::new("orders", Verb::Sent, order).text("order.created"));
    }
    Ok(())
}

/// Email works on all that is here.
async fn listen(client: &Client, created: &mut Subscriber, log: &mut Log) -> Result<()> {
    // A message to ourselves: all that was dealt to us comes before it.
    client.publish("order.created", "last".into()).await?;
    loop {
        let message = timeout(PATIENCE, created.next()).await?;
        let message = message.context("the subscription ended")?;
        if message.payload.as_ref() == b"last" {
            return Ok(());
        }
        work(&message, log)?;
    }
}

/// Email writes to the customer.
fn work(message: &Message, log: &mut Log) -> Result<()> {
    let number = std::str::from_utf8(&message.payload)?.strip_prefix("o-");
    let order = number.context("not an order")?.parse()?;
    log.event(Event::new("email", Verb::Got, order));
    log.event(Event::new("email", Verb::Done, order));
    Ok(())
}
