//! Retries: twenty orders are on their way when the broker dies, and customers go on ordering.
//!
//! ```console
//! cargo run -p ch06-retry-backoff
//! cargo run -p ch06-retry-backoff -- --wait exponential
//! cargo run -p ch06-retry-backoff -- --down-ms 4000 --budget 20
//! ```

mod agenda;
mod args;
mod tally;
mod waits;

use std::time::Duration;

use agenda::{Agenda, Try};
use anyhow::{Context, Result, anyhow};
use args::Args;
use async_nats::jetstream;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, Stream};
use brokers::{Broker, Kind, Options};
use clap::Parser;
use history::{Event, Log, Verb, strip};
use tally::Tally;

const STREAM: &str = "SHOP";
const SUBJECT: &str = "order.created";
/// Orders that are on their way when the broker dies.
const ON_THE_WAY: u32 = 20;
/// How long after the one before the next customer orders.
const NEXT_CUSTOMER: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    // The broker is killed, so it is one that this program has started.
    let private = Options {
        private: true,
        ..Options::default()
    };
    let mut nats = brokers::start(Kind::Nats, private).await?;
    let mut log = Log::new();
    let outcome = tokio::select! {
        outcome = trade(&args, &mut nats, &mut log) => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    nats.stop().await?;
    let events = outcome?;
    log.close(&strip(&events, &[]))?;
    Ok(())
}

async fn trade(args: &Args, nats: &mut Broker, log: &mut Log) -> Result<Vec<Event>> {
    stream(nats.url()).await?;
    nats.kill().await?;
    log.remark(
        "nats",
        &format!("killed with {ON_THE_WAY} orders on their way"),
    );
    let tally = publish_all(args, nats, log).await?;
    tally.report(log);
    // What the broker has, and not what the publishers believe.
    let stream = stream(nats.url()).await?;
    let mut events = Vec::new();
    for place in 1..=stream.cached_info().state.messages {
        let message = stream.get_raw_message(place).await?;
        let order = std::str::from_utf8(&message.payload)?.parse::<u32>()?;
        events.push(Event::new("nats", Verb::Stored, order));
        events.push(Event::new("email", Verb::Done, order));
    }
    let orders = events.len() / 2;
    log.remark("email", &format!("reads {orders} orders in the stream"));
    Ok(events)
}

// ANCHOR: tries
async fn publish_all(args: &Args, nats: &mut Broker, log: &mut Log) -> Result<Tally> {
    let down = Duration::from_millis(args.down_ms);
    let (mut agenda, mut tally, mut is_down) = (all_orders(args, down), Tally::default(), true);
    // Time is played here: the clock jumps from one try to the next. The broker is really down.
    while let Some(next) = agenda.next() {
        if is_down && next.at >= down {
            nats.restart().await?;
            log.remark("nats", &format!("back after {} ms", args.down_ms));
            is_down = false;
        }
        let (order, at, again) = (next.order, next.at, next.again);
        match publish(nats.url(), order).await {
            Ok(()) if again => tally.returned.push(at),
            Ok(()) => {}
            // With the server there this is a fault of the run. A service would ask of what kind.
            Err(error) if !is_down => return Err(error).context("a try with the server there"),
            // The budget is spent. The caller hears it at once, and has the order still.
            Err(_) if !again && agenda.waiting() >= args.budget.limit() => tally.refused += 1,
            Err(_) => agenda.add(next.later().context("no wait is left")?),
        }
        tally.in_vain += u32::from(is_down);
        tally.waiting = tally.waiting.max(agenda.waiting());
    }
    Ok(tally)
}
// ANCHOR_END: tries

/// The orders that are on their way, and one more every 100 ms until the broker is back.
fn all_orders(args: &Args, down: Duration) -> Agenda {
    let mut agenda = Agenda::default();
    for order in 1..=ON_THE_WAY {
        agenda.add(Try::first(order, Duration::ZERO, args.wait));
    }
    let (mut order, mut at) = (ON_THE_WAY + 1, NEXT_CUSTOMER / 2);
    while at < down {
        agenda.add(Try::first(order, at, args.wait));
        (order, at) = (order + 1, at + NEXT_CUSTOMER);
    }
    agenda
}

// ANCHOR: publish
/// One try, with a connection of its own, as if each order came from another program.
async fn publish(url: &str, order: u32) -> Result<()> {
    let client = async_nats::connect(url).await?;
    // A try whose answer got lost is repeated as well. By this id the stream keeps one copy.
    let message = PublishMessage::build()
        .payload(order.to_string().into())
        .message_id(format!("created-o-{order}"));
    let context = jetstream::new(client.clone());
    context.send_publish(SUBJECT, message).await?.await?;
    client.drain().await?;
    Ok(())
}
// ANCHOR_END: publish

async fn stream(url: &str) -> Result<Stream> {
    let client = async_nats::connect(url).await?;
    let config = Config {
        name: STREAM.into(),
        subjects: vec![SUBJECT.into()],
        ..Config::default()
    };
    let stream = jetstream::new(client).get_or_create_stream(config).await;
    stream.context("cannot make the stream")
}
