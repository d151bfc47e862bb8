//! Routing: one exchange, four services, and what becomes of an event that no binding matches.
//!
//! ```console
//! cargo run -p ch03-rabbit-routing
//! cargo run -p ch03-rabbit-routing -- --alternate no
//! cargo run -p ch03-rabbit-routing -- --exchange direct
//! cargo run -p ch03-rabbit-routing -- --exchange headers
//! ```

mod args;
mod interest;
mod space;
mod watch;

use anyhow::{Context, Result, anyhow, bail};
use args::{Alternate, Args, Kind};
use clap::Parser;
use history::{Event, Log, Verb, strip};
use interest::{EVENTS, INTERESTS, Interest, table};
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind,
};
use watch::{judged, take};

const EXCHANGE: &str = "shop";
/// The exchange and the queue of what matches nothing.
const UNROUTED: &str = "unrouted";

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let rabbit = brokers::rabbitmq().await?;
    space::claim(&rabbit).await?;
    let properties = ConnectionProperties::default().with_connection_name("shop".into());
    let connection = Connection::connect(rabbit.url(), properties).await;
    let connection = connection.context("cannot connect to RabbitMQ")?;
    let channel = connection.create_channel().await?;
    let (mut log, mut left) = (Log::new(), Vec::new());
    let outcome = tokio::select! {
        outcome = trade(&args, &channel, &mut log, &mut left) => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    space::remove(&channel).await?;
    connection.close(200, "the shop closes".into()).await?;
    rabbit.stop().await?;
    outcome?;
    let strip = strip(&judged(&log), &left);
    log.close(&strip)?;
    Ok(())
}

async fn trade(args: &Args, channel: &Channel, log: &mut Log, left: &mut Vec<u32>) -> Result<()> {
    declare(args, channel).await?;
    for interest in &INTERESTS {
        queue(channel, &interest.queue()).await?;
        bind(args.exchange, channel, interest).await?;
    }
    publish(channel, log).await?;
    for interest in &INTERESTS {
        for (order, key) in take(channel, &interest.queue()).await? {
            log.event(Event::new(interest.service, Verb::Got, order).text(key));
        }
    }
    if args.alternate == Alternate::Yes {
        for (order, key) in take(channel, UNROUTED).await? {
            log.remark("rabbit", &format!("keeps o-{order} {key}: nobody wants it"));
            left.push(order);
        }
    }
    Ok(())
}

// ANCHOR: declare
async fn declare(args: &Args, channel: &Channel) -> Result<()> {
    let (mut options, mut arguments) = (ExchangeDeclareOptions::default(), FieldTable::default());
    options.durable = true;
    if args.alternate == Alternate::Yes {
        // A fanout exchange with one queue: whatever comes here is kept.
        let (kind, none) = (ExchangeKind::Fanout, FieldTable::default());
        let alternate = channel.exchange_declare(UNROUTED.into(), kind, options, none.clone());
        alternate.await?;
        queue(channel, UNROUTED).await?;
        let (from, to, bind) = (UNROUTED.into(), UNROUTED.into(), Default::default());
        channel.queue_bind(to, from, "".into(), bind, none).await?;
        let alternate = AMQPValue::LongString(UNROUTED.into());
        arguments.insert("alternate-exchange".into(), alternate);
    }
    let kind = match args.exchange {
        Kind::Topic => ExchangeKind::Topic,
        Kind::Direct => ExchangeKind::Direct,
        Kind::Headers => ExchangeKind::Headers,
    };
    let declared = channel.exchange_declare(EXCHANGE.into(), kind, options, arguments);
    declared.await.context("cannot declare the exchange")
}
// ANCHOR_END: declare

async fn queue(channel: &Channel, name: &str) -> Result<()> {
    let (options, arguments) = (QueueDeclareOptions::durable(), table("x-queue-type=quorum"));
    let declared = channel.queue_declare(name.into(), options, arguments);
    declared.await.context("cannot declare a queue")?;
    Ok(())
}

// ANCHOR: bind
async fn bind(kind: Kind, channel: &Channel, interest: &Interest) -> Result<()> {
    let (mut key, mut arguments) = (interest.pattern, FieldTable::default());
    if kind == Kind::Headers {
        key = "";
        arguments = table(interest.headers);
    }
    let (queue, options) = (interest.queue().into(), QueueBindOptions::default());
    let bound = channel.queue_bind(queue, EXCHANGE.into(), key.into(), options, arguments);
    bound.await.context("cannot bind a queue")
}
// ANCHOR_END: bind

// ANCHOR: publish
async fn publish(channel: &Channel, log: &mut Log) -> Result<()> {
    channel.confirm_select(Default::default()).await?;
    for event in &EVENTS {
        let (exchange, key) = (EXCHANGE.into(), event.key.into());
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_headers(table(event.headers));
        let (body, options) = (format!("o-{}", event.order), BasicPublishOptions::default());
        let sent = channel.basic_publish(exchange, key, options, body.as_bytes(), properties);
        match sent.await?.await? {
            // The broker has done with it what the bindings say, be it nothing.
            Confirmation::Ack(_) => {
                log.event(Event::new("rabbit", Verb::Stored, event.order).text(event.key));
            }
            refused => bail!("o-{} is not stored: {refused:?}", event.order),
        }
    }
    Ok(())
}
// ANCHOR_END: publish
