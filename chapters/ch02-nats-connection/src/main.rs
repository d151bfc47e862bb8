//! The life of a connection: the server is killed, four events are published, and who is back
//! first decides what arrives.
//!
//! ```console
//! cargo run -p ch02-nats-connection
//! cargo run -p ch02-nats-connection -- --first orders
//! ```

mod args;

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use args::{Args, First};
use async_nats::{Client, ConnectOptions, Event as Told, RequestErrorKind, Subscriber};
use brokers::{Broker, Kind, Options};
use clap::Parser;
use futures_util::StreamExt;
use history::{Event, Log, Verb};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long to wait for an answer, an event or a message before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);

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
    let outcome = tokio::select! {
        outcome = trade(args.first, &mut nats, &mut log) => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    nats.stop().await?;
    outcome?;
    log.finish(&[])?;
    Ok(())
}

async fn trade(first: First, nats: &mut Broker, log: &mut Log) -> Result<()> {
    let mut orders = connect(nats.url(), "orders", first == First::Orders).await?;
    let mut email = connect(nats.url(), "email", first == First::Email).await?;
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
    let in_turn = match first {
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

/// A service, its connection, and what the client tells of it.
struct Service {
    name: &'static str,
    client: Client,
    told: mpsc::UnboundedReceiver<Told>,
}

// ANCHOR: connect
async fn connect(url: &str, name: &'static str, first: bool) -> Result<Service> {
    let (tell, told) = mpsc::unbounded_channel();
    // The wait before each attempt. The client's own is 0 for the first, then 2 ms, 4 ms, up to
    // 4 s, and the same for every client, so that all of them come back together.
    let wait = Duration::from_millis(if first { 20 } else { 1000 });
    let options = ConnectOptions::new()
        .name(name)
        .reconnect_delay_callback(move |_attempt| wait)
        .event_callback(move |event| {
            // Nothing else tells that the connection is gone: publish returns Ok all the time.
            let _ = tell.send(event);
            async {}
        });
    let client = options.connect(url).await;
    let client = client.context("cannot connect to NATS")?;
    Ok(Service { name, client, told })
}
// ANCHOR_END: connect

impl Service {
    /// Waits until the client tells this. Attempts that fail are told as well, and passed over.
    async fn until(&mut self, wanted: Told, log: &mut Log) -> Result<()> {
        loop {
            let event = timeout(PATIENCE, self.told.recv()).await?;
            if event.context("the client has ended")? == wanted {
                log.remark(self.name, &format!("is told: {wanted}"));
                return Ok(());
            }
        }
    }
}

async fn publish(client: &Client, numbers: [u32; 2], log: &mut Log) -> Result<()> {
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
        let number = std::str::from_utf8(&message.payload)?.strip_prefix("o-");
        let order = number.context("not an order")?.parse()?;
        log.event(Event::new("email", Verb::Got, order));
        log.event(Event::new("email", Verb::Done, order));
    }
}

/// Returns when the server has dealt with all that this connection wrote before.
async fn round_trip(client: &Client) -> Result<()> {
    match client.request(client.new_inbox(), "".into()).await {
        Err(error) if error.kind() == RequestErrorKind::NoResponders => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => bail!("somebody answers in our inbox"),
    }
}
