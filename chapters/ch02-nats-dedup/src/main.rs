//! NATS: an order whose answer is lost is published again, and stored once or twice.
//!
//! ```console
//! cargo run -p ch02-nats-dedup
//! cargo run -p ch02-nats-dedup -- --id none
//! cargo run -p ch02-nats-dedup -- --outage long
//! ```

mod args;

use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, ensure};
use args::{Args, Id, Outage};
use async_nats::ConnectOptions;
use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::{self, stream};
use clap::Parser;
use futures_util::{StreamExt, TryStreamExt};
use history::{Event, Log, Verb};
use tokio::time::sleep;

const ORDERS: u32 = 3;
/// The answer for this order is not heard, once.
const UNHEARD: u32 = 2;
/// How long the stream remembers an id. Short, so that you need not wait: the default is 2 minutes.
const WINDOW: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args = Args::parse();
    let nats = brokers::nats().await?;
    let client = ConnectOptions::new().name("shop").connect(nats.url()).await;
    let client = client.context("cannot connect to NATS")?;
    let jetstream = jetstream::new(client);
    // On a server that is not this run's own, the program's name stands in front. A stream's name
    // has no dots.
    let name = nats.name("SHOP").replace('.', "-");
    let streams = jetstream.stream_names().try_collect::<Vec<_>>().await;
    let streams = streams.context("does the server have JetStream?")?;
    let taken = streams.contains(&name);
    ensure!(!taken, "the server has a stream {name}: delete it first");
    let orders = Orders {
        args,
        jetstream: jetstream.clone(),
        subject: nats.name("order.created"),
    };
    let mut log = Log::new();
    let outcome = tokio::select! {
        outcome = trade(&orders, &name, &mut log) => outcome,
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
    log.finish(&[])?;
    Ok(())
}

async fn trade(orders: &Orders, name: &str, log: &mut Log) -> Result<()> {
    // ANCHOR: stream
    let stream = orders.jetstream.create_stream(stream::Config {
        name: name.to_owned(),
        subjects: vec![orders.subject.clone()],
        max_age: Duration::from_secs(7 * 24 * 3600),
        // The stream keeps each message for a week, but its id for this long only.
        duplicate_window: WINDOW,
        ..Default::default()
    });
    let stream = stream.await.context("cannot make the stream")?;
    // ANCHOR_END: stream
    for order in 1..=ORDERS {
        orders.publish(order, log).await?;
    }
    pack(&stream, log).await
}

/// The orders service.
struct Orders {
    args: Args,
    jetstream: jetstream::Context,
    subject: String,
}

impl Orders {
    // ANCHOR: publish
    async fn publish(&self, order: u32, log: &mut Log) -> Result<()> {
        let mut heard = order != UNHEARD;
        loop {
            log.event(Event::new("orders", Verb::Sent, order).text("order.created"));
            if let Some(ack) = self.send(order, heard).await? {
                let known = if ack.duplicate {
                    ", which is there"
                } else {
                    ""
                };
                let number = format!("as message {}{known}", ack.sequence);
                log.event(Event::new("nats", Verb::Stored, order).text(number));
                return Ok(());
            }
            // Stored or not? It cannot know, and no order may be missing: so, again.
            log.remark("orders", &format!("gets no answer for o-{order}"));
            if self.args.outage == Outage::Long {
                // This sleep is no wait for the server. It is an outage of the publisher, which
                // has other work meanwhile: to be restarted.
                sleep(2 * WINDOW).await;
            }
            heard = true;
        }
    }
    // ANCHOR_END: publish

    // ANCHOR: send
    async fn send(&self, order: u32, heard: bool) -> Result<Option<PublishAck>> {
        let mut message = PublishMessage::build().payload(format!("o-{order}").into());
        if self.args.id == Id::Order {
            // Made of what happened, and not of this try: no random number, no clock.
            message = message.message_id(format!("order.created-o-{order}"));
        }
        let sent = self.jetstream.send_publish(self.subject.clone(), message);
        let sent = sent.await?;
        if !heard {
            // As if the publisher died here, or its network: the server stores the order and
            // answers, and nobody listens.
            return Ok(None);
        }
        Ok(Some(sent.await.context("not stored")?))
    }
    // ANCHOR_END: send
}

// ANCHOR: pack
/// Inventory packs what the stream has; a longer one it would ask again, as `fetch` brings 200 at most.
async fn pack(stream: &stream::Stream, log: &mut Log) -> Result<()> {
    let inventory = stream.create_consumer(pull::Config {
        durable_name: Some("inventory".to_owned()),
        ..Default::default()
    });
    let mut messages = inventory.await?.fetch().messages().await?;
    while let Some(message) = messages.next().await {
        let message = message.map_err(Error::from_boxed)?;
        let order = order_of(&message.payload)?;
        log.event(Event::new("inventory", Verb::Got, order));
        log.event(Event::new("inventory", Verb::Done, order));
        // The other end has an answer that can get lost too. This one waits until the server
        // confirms that it has the acknowledgement.
        message.double_ack().await.map_err(Error::from_boxed)?;
    }
    Ok(())
}
// ANCHOR_END: pack

/// `o-3` is order 3.
fn order_of(body: &[u8]) -> Result<u32> {
    let number = std::str::from_utf8(body)?.strip_prefix("o-");
    Ok(number.context("not an order")?.parse()?)
}
