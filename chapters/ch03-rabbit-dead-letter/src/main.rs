//! Dead letters: five payment orders, one that can never be done, and where it ends.
//!
//! ```console
//! cargo run -p ch03-rabbit-dead-letter
//! cargo run -p ch03-rabbit-dead-letter -- --failure nack-requeue
//! cargo run -p ch03-rabbit-dead-letter -- --dead-letters unrouted
//! ```

mod accounting;
mod args;
mod topology;
mod worker;

use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use args::{Args, DeadLetters, Failure};
use clap::Parser;
use history::{Event, Log, Verb};
use lapin::options::*;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

const QUEUE: &str = "payments.payment.charge";
const EXCHANGE: &str = "shop.dead";
const DEAD: &str = "dead.payment.charge";
const ORDERS: u32 = 5;
/// This order's amount is a word.
const POISON: u32 = 3;
/// How long to wait for RabbitMQ before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let rabbit = brokers::rabbitmq().await?;
    if args.failure == Failure::NackRequeue {
        // An older one counts a nack, and the run would be another one.
        rabbit.require("4.3.0")?;
    }
    rabbit.claim_exchange(EXCHANGE).await?;
    rabbit.claim_queue(QUEUE).await?;
    rabbit.claim_queue(DEAD).await?;
    let properties = ConnectionProperties::default().with_connection_name("shop".into());
    let connection = Connection::connect(rabbit.url(), properties).await;
    let connection = connection.context("cannot connect to RabbitMQ")?;
    let channel = connection.create_channel().await?;
    let mut log = Log::new();
    let outcome = tokio::select! {
        outcome = trade(&args, &connection, &channel, &mut log) => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    // Each on a channel of its own: an error closes a channel, and the rest is still to do.
    let looking = connection.create_channel().await?;
    let left = what_is_left(&args, &looking).await;
    let removing = connection.create_channel().await?;
    topology::take_away(&removing).await?;
    connection.close(200, "the shop closes".into()).await?;
    rabbit.stop().await?;
    outcome?;
    log.finish(&left?)?;
    Ok(())
}

async fn trade(args: &Args, shop: &Connection, channel: &Channel, log: &mut Log) -> Result<()> {
    topology::declare(args, channel).await?;
    publish(channel, log).await?;
    worker::work(shop, args.failure, log).await?;
    if args.failure != Failure::NackRequeue && args.dead_letters != DeadLetters::Unrouted {
        accounting::find(shop, log).await?;
    }
    Ok(())
}

async fn publish(channel: &Channel, log: &mut Log) -> Result<()> {
    channel.confirm_select(Default::default()).await?;
    for order in 1..=ORDERS {
        let amount = if order == POISON { "ten" } else { "10" };
        let body = format!("o-{order} {amount} EUR");
        let properties = BasicProperties::default().with_delivery_mode(2);
        let options = BasicPublishOptions::default();
        let (exchange, key) = ("".into(), QUEUE.into());
        let publish = channel.basic_publish(exchange, key, options, body.as_bytes(), properties);
        let confirm = publish.await?.await?;
        ensure!(confirm.is_ack(), "o-{order} is not stored: {confirm:?}");
        log.event(Event::new("shop", Verb::Sent, order).text("payment.charge"));
        log.event(Event::new("rabbit", Verb::Stored, order));
    }
    Ok(())
}

/// The orders in the queues. It empties them.
async fn what_is_left(args: &Args, channel: &Channel) -> Result<Vec<u32>> {
    let (mut queues, mut left) = (vec![QUEUE], Vec::new());
    if args.dead_letters != DeadLetters::Unrouted {
        queues.push(DEAD);
    }
    for queue in queues {
        let take = BasicGetOptions { no_ack: true };
        while let Some(message) = channel.basic_get(queue.into(), take).await? {
            left.push(order_of(&message.data)?);
        }
    }
    Ok(left)
}

/// `o-3 ten EUR` is order 3.
fn order_of(body: &[u8]) -> Result<u32> {
    let order = std::str::from_utf8(body)?.split(' ').next();
    let number = order.and_then(|order| order.strip_prefix("o-"));
    Ok(number.context("not an order")?.parse()?)
}
