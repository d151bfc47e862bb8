//! Replay: a work queue forgets what is done, a stream keeps it, and each reader begins where it
//! wants.
//!
//! ```console
//! cargo run -p ch03-rabbit-replay
//! cargo run -p ch03-rabbit-replay -- --from next
//! cargo run -p ch03-rabbit-replay -- --max-age 2s
//! ```

mod args;
mod email;
mod reader;
mod shop;
mod stock;
mod topology;

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use args::{Args, From, MaxAge};
use brokers::Broker;
use clap::Parser;
use history::{Event, Log, Verb, strip};
use lapin::types::AMQPValue;
use lapin::{Channel, Connection, ConnectionProperties};
use reader::{next, reader};
use shop::{judged, publish, ready, text};
use stock::stock;
use topology::QUEUE;

/// How long to wait for an order before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let rabbit = brokers::rabbitmq().await?;
    topology::claim(&rabbit).await?;
    let properties = ConnectionProperties::default().with_connection_name("shop".into());
    let connection = Connection::connect(rabbit.url(), properties).await;
    let connection = connection.context("cannot connect to RabbitMQ")?;
    let channel = connection.create_channel().await?;
    let (mut log, mut left) = (Log::new(), Vec::new());
    let outcome = tokio::select! {
        outcome = trade(&args, &rabbit, &connection, &channel, &mut log, &mut left) => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    topology::remove(&channel).await?;
    connection.close(200, "the shop closes".into()).await?;
    rabbit.stop().await?;
    outcome?;
    // Who reads a stream leaves it as it is, so the strip judges one reader.
    let strip = strip(&judged(&log), &left);
    log.close(&strip)?;
    Ok(())
}

async fn trade(
    args: &Args,
    rabbit: &Broker,
    connection: &Connection,
    channel: &Channel,
    log: &mut Log,
    left: &mut Vec<u32>,
) -> Result<()> {
    // ANCHOR: day
    topology::declare(args, channel).await?;
    let (emails, mut email) = email::consume(connection).await?;
    publish(channel, 1..=3, log).await?;
    email::work(&mut email, 3, log).await?;
    let waiting = ready(channel, QUEUE).await?;
    log.remark("rabbit", &format!("has {waiting} orders left for email"));
    emails.close(200, "the day is over".into()).await?;
    publish(channel, 4..=5, log).await?;
    if args.max_age == MaxAge::Seconds {
        // RabbitMQ cuts in the background.
        while stock(rabbit, 5).await?.contains(&3) {}
        log.remark("rabbit", "cuts the stream");
    }
    accounting(connection, log).await?;
    analytics(args, connection, channel, log).await?;
    // ANCHOR_END: day
    let got = |order: &u32| {
        let events = log.events().iter();
        events
            .filter(|event| event.lane == "analytics")
            .any(|event| event.message == *order)
    };
    left.extend(stock(rabbit, 6).await?);
    left.retain(|order| !got(order));
    Ok(())
}

// ANCHOR: bookmark
async fn accounting(connection: &Connection, log: &mut Log) -> Result<()> {
    let (mut order, mut bookmark) = (0, 0);
    let (channel, mut orders) = reader(connection, text("first")).await?;
    for _ in 0..2 {
        (order, bookmark) = next(&mut orders).await?;
        log.event(Event::new("accounting", Verb::Got, order));
    }
    channel.close(200, "a restart".into()).await?;
    log.remark(
        "accounting",
        &format!("is restarted, with {bookmark} in its database"),
    );
    // RabbitMQ keeps no place for this reader. It goes on behind the last offset that it has noted.
    let from = AMQPValue::LongLongInt(bookmark + 1);
    let (channel, mut orders) = reader(connection, from).await?;
    while order < 5 {
        (order, bookmark) = next(&mut orders).await?;
        log.event(Event::new("accounting", Verb::Got, order));
    }
    channel.close(200, "all read".into()).await?;
    log.remark("accounting", &format!("notes {bookmark}"));
    Ok(())
}
// ANCHOR_END: bookmark

async fn analytics(
    args: &Args,
    connection: &Connection,
    orders: &Channel,
    log: &mut Log,
) -> Result<()> {
    let from = match args.from {
        From::First => "first",
        From::Next => "next",
    };
    let (channel, mut stream) = reader(connection, text(from)).await?;
    log.remark("analytics", &format!("reads from {from}"));
    publish(orders, 6..=6, log).await?;
    let mut order = 0;
    while order < 6 {
        (order, _) = next(&mut stream).await?;
        log.event(Event::new("analytics", Verb::Got, order));
    }
    channel.close(200, "all read".into()).await?;
    Ok(())
}
