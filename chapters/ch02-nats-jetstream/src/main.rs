//! JetStream: four orders are stored, packed and acknowledged, and read again from the stream.
//!
//! ```console
//! cargo run -p ch02-nats-jetstream
//! cargo run -p ch02-nats-jetstream -- --crash yes
//! cargo run -p ch02-nats-jetstream -- --progress no
//! ```

mod args;
mod crew;
mod worker;

use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, ensure};
use args::{Args, Role};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::{self, stream};
use async_nats::{Client, ConnectOptions};
use brokers::Broker;
use clap::Parser;
use crew::Crew;
use futures_util::{StreamExt, TryStreamExt};
use history::{Event, Log, Verb, strip};

const ORDERS: u32 = 4;
/// How long a worker may keep an order without a word. Short, so that you need not wait: the
/// default is 30 s.
const ACK_WAIT: Duration = Duration::from_millis(1500);
/// How long a worker may say nothing before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args = Args::parse();
    match &args.role {
        Some(Role::Worker { number, stream }) => worker::work(&args, *number, stream).await,
        None => open_shop(&args).await,
    }
}

async fn open_shop(args: &Args) -> Result<()> {
    let nats = brokers::nats().await?;
    let jetstream = jetstream::new(connect(nats.url(), "orders").await?);
    // On a server that is not this run's own, the program's name stands in front. A stream's name
    // has no dots.
    let name = nats.name("SHOP").replace('.', "-");
    let streams = jetstream.stream_names().try_collect::<Vec<_>>().await;
    let streams = streams.context("does the server have JetStream?")?;
    let taken = streams.contains(&name);
    ensure!(!taken, "the server has a stream {name}: delete it first");
    let mut log = Log::new();
    let outcome = tokio::select! {
        outcome = trade(args, &nats, &jetstream, &name, &mut log) => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    // The stream is kept on disk until somebody deletes it. This one is only for this run.
    let deleted = jetstream.delete_stream(&name).await;
    // Nothing waits in this client, as the server has answered all: it needs no `drain`.
    let stopped = nats.stop().await;
    // First what went wrong in the run: the cleaning up can have failed because of it.
    outcome?;
    deleted?;
    stopped?;
    // Analytics only reads. The strip judges the packing: was each order packed, once?
    let judged = |event: &&Event| event.lane != "analytics";
    let events: Vec<Event> = log.events().iter().filter(judged).cloned().collect();
    log.close(&strip(&events, &[]))?;
    Ok(())
}

async fn trade(
    args: &Args,
    nats: &Broker,
    jetstream: &jetstream::Context,
    name: &str,
    log: &mut Log,
) -> Result<()> {
    let created = nats.name("order.created");
    // ANCHOR: stream
    // What is published to these subjects from now on is stored, and its publisher is told.
    let stream = jetstream.create_stream(stream::Config {
        name: name.to_owned(),
        subjects: vec![nats.name("order.>")],
        // Else the stream grows without end. An order that nobody packs for a week goes, too.
        max_age: Duration::from_secs(7 * 24 * 3600),
        ..Default::default()
    });
    let stream = stream.await.context("cannot make the stream")?;
    // The server keeps, under this name, which messages inventory has acknowledged.
    let inventory = stream.create_consumer(pull::Config {
        durable_name: Some("inventory".to_owned()),
        filter_subject: created.clone(),
        ack_wait: ACK_WAIT,
        ..Default::default()
    });
    let mut inventory = inventory.await?;
    // ANCHOR_END: stream
    let mut crew = Crew::start(args, nats, name, log).await?;
    publish(jetstream, &created, log).await?;
    crew.pack(ORDERS, log).await?;
    crew.go_home(log).await?;
    let left = inventory.info().await?;
    let left = left.num_ack_pending as u64 + left.num_pending;
    ensure!(left == 0, "{left} orders are not acknowledged");
    read_again(&stream, log).await
}

// ANCHOR: publish
async fn publish(jetstream: &jetstream::Context, subject: &str, log: &mut Log) -> Result<()> {
    for order in 1..=ORDERS {
        let body = format!("o-{order}");
        // The first `await` ends when the message waits in the client, as in core NATS.
        let sent = jetstream.publish(subject.to_owned(), body.into()).await?;
        log.event(Event::new("orders", Verb::Sent, order).text("order.created"));
        // The second one ends with the server's answer, the PubAck. Only this means stored.
        let stored = sent.await.context("not stored: publish it again")?;
        let number = format!("as message {}", stored.sequence);
        log.event(Event::new("nats", Verb::Stored, order).text(number));
    }
    Ok(())
}
// ANCHOR_END: publish

// ANCHOR: replay
/// Analytics begins today, and wants everything from the third message on.
async fn read_again(stream: &stream::Stream, log: &mut Log) -> Result<()> {
    let start_sequence = 3;
    let analytics = stream.create_consumer(pull::Config {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence },
        // It only reads, so the server need not wait for anything.
        ack_policy: AckPolicy::None,
        // Without a durable name the server deletes it when nobody has asked for 5 s.
        ..Default::default()
    });
    // What is there now, 200 messages at most, without waiting for more. Ask again until none comes.
    let mut messages = analytics.await?.fetch().messages().await?;
    while let Some(message) = messages.next().await {
        let order = order_of(&message.map_err(Error::from_boxed)?.payload)?;
        log.event(Event::new("analytics", Verb::Got, order));
    }
    Ok(())
}
// ANCHOR_END: replay

async fn connect(url: &str, name: &str) -> Result<Client> {
    let client = ConnectOptions::new().name(name).connect(url).await;
    client.context("cannot connect to NATS")
}

/// `o-3` is order 3.
fn order_of(body: &[u8]) -> Result<u32> {
    let number = std::str::from_utf8(body)?.strip_prefix("o-");
    Ok(number.context("not an order")?.parse()?)
}
