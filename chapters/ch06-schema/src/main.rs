//! A contract changes: what an old program makes of new messages, and a new one of old messages.
//!
//! ```console
//! cargo run -p ch06-schema
//! cargo run -p ch06-schema -- --email strict
//! cargo run -p ch06-schema -- --change repurpose
//! ```

mod args;
mod contract;
mod email;
mod envelope;
mod inventory;
mod versions;

use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, ensure};
use args::{Args, Role};
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::{self, AckKind, Message, stream};
use brokers::Broker;
use clap::Parser;
use envelope::{PRICE, shown, year};
use futures_util::{StreamExt, TryStreamExt};
use history::{Event, Log, Verb};
use tokio::time::timeout;

const MESSAGES: usize = 5;
/// How long to wait for a message that must come.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    match args.role {
        Some(Role::Contract { what }) => contract::print(what),
        None => open_shop(&args).await,
    }
}

async fn open_shop(args: &Args) -> Result<()> {
    let nats = brokers::nats().await?;
    let client = async_nats::connect(nats.url()).await?;
    let jetstream = jetstream::new(client);
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
    let deleted = jetstream.delete_stream(&name).await;
    // The server's answer to that comes behind all that waited in this client: it needs no `drain`.
    let stopped = nats.stop().await;
    // First what went wrong in the run: the cleaning up can have failed because of it.
    outcome?;
    deleted?;
    stopped?;
    // Inventory has what it needs in any case. The strip judges email, whose program is old.
    log.finish(&[])?;
    Ok(())
}

async fn trade(
    args: &Args,
    nats: &Broker,
    jetstream: &jetstream::Context,
    name: &str,
    log: &mut Log,
) -> Result<()> {
    let stream = jetstream.create_stream(stream::Config {
        name: name.to_owned(),
        subjects: vec![nats.name("order.>")],
        ..Default::default()
    });
    let stream = stream.await.context("does the server have JetStream?")?;
    let mut bytes = 0;
    for message in year(args.change, args.format)? {
        let (text, length) = (shown(args.format, &message.payload), message.payload.len());
        // To the broker it is bytes. It looks into none of them.
        let (subject, payload) = (nats.name(message.subject), message.payload.into());
        jetstream.publish(subject, payload).await?.await?;
        log.event(Event::new("orders", Verb::Sent, message.order).text(text));
        bytes += length;
    }
    log.remark("orders", &format!("bytes {bytes} in {MESSAGES} messages"));
    send_emails(args, &all(&stream, "email").await?, log).await?;
    inventory::reserve(args.format, &all(&stream, "inventory").await?, log).await
}

/// All messages of the stream, for a service of this name.
async fn all(stream: &stream::Stream, service: &str) -> Result<Vec<Message>> {
    let consumer = stream.create_consumer(pull::Config {
        durable_name: Some(service.to_owned()),
        deliver_policy: DeliverPolicy::All,
        ..Default::default()
    });
    let mut messages = consumer.await?.messages().await?.take(MESSAGES);
    let mut all = Vec::new();
    while let Some(message) = timeout(PATIENCE, messages.next()).await? {
        all.push(message?);
    }
    Ok(all)
}

async fn send_emails(args: &Args, messages: &[Message], log: &mut Log) -> Result<()> {
    let mut told = 0;
    for (order, message) in (1..).zip(messages) {
        let (subject, payload) = (&message.subject, &message.payload);
        // ANCHOR: email
        let read = email::read(args.email, args.format, subject, payload);
        let (answer, verb, text) = match read {
            Ok(Some(created)) => {
                told += created.total;
                let text = format!("your order costs {} EUR", created.total);
                (AckKind::Ack, Verb::Done, text)
            }
            Ok(None) => (AckKind::Ack, Verb::Done, "not for me".to_owned()),
            // This program cannot tell broken bytes from a message that is newer than itself, and
            // gives up both. Where you can tell, hand the newer one back: a `Nak` with a delay.
            Err(error) => (AckKind::Term, Verb::Failed, error.to_string()),
        };
        message.ack_with(answer).await.map_err(Error::from_boxed)?;
        // ANCHOR_END: email
        log.event(Event::new("email", verb, order).text(text));
    }
    log.remark("email", &format!("told {told} EUR for 4 orders of {PRICE}"));
    Ok(())
}
