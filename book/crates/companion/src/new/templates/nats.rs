//! CHAPTER_TITLE: payment orders go over a subject to one worker.
//!
//! ```console
//! cargo run -p CHAPTER_ID
//! cargo run -p CHAPTER_ID -- --orders 5
//! ```

mod args;

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use args::Args;
use async_nats::{Client, ConnectOptions};
use clap::Parser;
use futures_util::StreamExt;
use history::{Event, Log, Verb};
use tokio::time::timeout;

/// How long to wait for a message before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    // ANCHOR: connect
    let nats = brokers::nats().await?;
    let client = ConnectOptions::new().name("shop").connect(nats.url()).await;
    let client = client.context("cannot connect to NATS")?;
    // On a server that is not this run's own, the name of the program stands in front.
    let subject = nats.name("payment.charge");
    // ANCHOR_END: connect
    let mut log = Log::new();
    let outcome = tokio::select! {
        outcome = trade(&args, &client, &subject, &mut log) => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    // ANCHOR: shutdown
    client.drain().await?;
    nats.stop().await?;
    // ANCHOR_END: shutdown
    outcome?;
    log.finish(&[])?;
    Ok(())
}

async fn trade(args: &Args, client: &Client, subject: &str, log: &mut Log) -> Result<()> {
    // ANCHOR: subscribe
    // Before anything is published: core NATS keeps nothing for a late subscriber. The server
    // takes the commands of one connection in their order, so this one is first.
    let mut orders = client.subscribe(subject.to_owned()).await?;
    // ANCHOR_END: subscribe
    // ANCHOR: publish
    for order in 1..=args.orders {
        let body = format!("o-{order}");
        // `Ok` says that it waits in this client, not that anybody has it.
        client.publish(subject.to_owned(), body.into()).await?;
        log.event(Event::new("shop", Verb::Sent, order).text("payment.charge"));
    }
    client.flush().await?;
    // ANCHOR_END: publish
    // ANCHOR: receive
    for _ in 0..args.orders {
        let message = timeout(PATIENCE, orders.next()).await;
        let message = message.context("an order did not arrive")?;
        let order = order_of(&message.context("the subscription ended")?.payload)?;
        log.event(Event::new("worker 1", Verb::Got, order));
        log.event(Event::new("worker 1", Verb::Done, order));
    }
    // ANCHOR_END: receive
    Ok(())
}

/// `o-3` is order 3.
fn order_of(body: &[u8]) -> Result<u32> {
    let body = std::str::from_utf8(body)?;
    let number = body.strip_prefix("o-").context("not an order")?;
    Ok(number.parse()?)
}
