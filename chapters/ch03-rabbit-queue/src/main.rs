//! A work queue: five payment orders, two workers, and nothing lost when one of them dies.
//!
//! ```console
//! cargo run -p ch03-rabbit-queue
//! cargo run -p ch03-rabbit-queue -- --crash-after 2
//! cargo run -p ch03-rabbit-queue -- --crash-after 2 --ack auto
//! ```

mod args;
mod crew;
mod worker;

use anyhow::{Context, Result, anyhow, bail};
use args::{Ack, Args, Role};
use brokers::Broker;
use clap::Parser;
use crew::Crew;
use history::{Event, Log, Verb};
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

const QUEUE: &str = "payments.payment.charge";
const ORDERS: u32 = 5;

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    match args.role {
        Some(Role::Worker { number }) => worker::work(&args, number).await,
        None => open_shop(&args).await,
    }
}

async fn open_shop(args: &Args) -> Result<()> {
    // ANCHOR: connect
    let rabbit = brokers::rabbitmq().await?;
    let connection = connect(rabbit.url(), "shop").await?;
    // A channel is a conversation inside the connection. Confirms and prefetch belong to it.
    let channel = connection.create_channel().await?;
    // ANCHOR_END: connect
    rabbit.claim_queue(QUEUE).await?;
    declare(&channel).await?;
    let mut log = Log::new();
    let outcome = tokio::select! {
        outcome = trade(args, &rabbit, &channel, &mut log) => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    // ANCHOR: shutdown
    // Whatever happened, this run takes its queue away again. First it looks what is left in it.
    let mut left = Vec::new();
    let take = BasicGetOptions { no_ack: true };
    while let Some(message) = channel.basic_get(QUEUE.into(), take).await? {
        left.push(order_of(&message.data)?);
    }
    let delete = QueueDeleteOptions::default();
    channel.queue_delete(QUEUE.into(), delete).await?;
    // A connection that is dropped without this stands in the broker's log as a failure.
    connection.close(200, "the shop closes".into()).await?;
    rabbit.stop().await?;
    // ANCHOR_END: shutdown
    outcome?;
    log.finish(&left)?;
    Ok(())
}

async fn connect(url: &str, name: &str) -> Result<Connection> {
    // `rabbitmqctl list_connections` shows the name, so that at night you know whose it is.
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let connection = Connection::connect(url, properties).await;
    connection.context("cannot connect to RabbitMQ")
}

async fn trade(args: &Args, rabbit: &Broker, channel: &Channel, log: &mut Log) -> Result<()> {
    let mut crew = Crew::start(args, rabbit, log).await?;
    publish(channel, log).await?;
    if args.ack == Ack::Manual {
        crew.watch(log, ORDERS).await?;
    }
    // Without acknowledgements every order is with a worker by now, and the queue knows of none.
    crew.go_home(log).await
}

// ANCHOR: topology
async fn declare(channel: &Channel) -> Result<()> {
    // Without this argument you get a classic queue: one copy, on one node.
    let mut arguments = FieldTable::default();
    let quorum = AMQPValue::LongString("quorum".into());
    arguments.insert("x-queue-type".into(), quorum);
    // Durable: the queue is there again after a restart of the broker.
    let options = QueueDeclareOptions::durable();
    let declared = channel.queue_declare(QUEUE.into(), options, arguments);
    declared.await.context("cannot declare the queue")?;
    Ok(())
}
// ANCHOR_END: topology

// ANCHOR: publish
async fn publish(channel: &Channel, log: &mut Log) -> Result<()> {
    // From here on the broker answers each message on this channel. A quorum queue says yes once
    // a majority of its nodes has the message on disk.
    channel.confirm_select(Default::default()).await?;
    let mut unconfirmed = Vec::new();
    for order in 1..=ORDERS {
        let body = format!("o-{order}");
        // Delivery mode 2 is persistent: the message, too, is there after a restart.
        let properties = BasicProperties::default().with_delivery_mode(2);
        let options = BasicPublishOptions::default();
        let (exchange, key) = ("".into(), QUEUE.into());
        let publish = channel.basic_publish(exchange, key, options, body.as_bytes(), properties);
        unconfirmed.push((order, publish.await?));
        log.event(Event::new("shop", Verb::Sent, order).text("payment.charge"));
    }
    // `publish` returned as soon as the bytes were on their way. Only the confirm means stored.
    for (order, confirm) in unconfirmed {
        match confirm.await? {
            Confirmation::Ack(_) => log.event(Event::new("rabbit", Verb::Stored, order)),
            refused => bail!("o-{order} is not stored, publish it again: {refused:?}"),
        }
    }
    Ok(())
}
// ANCHOR_END: publish

/// `o-3` is order 3.
fn order_of(body: &[u8]) -> Result<u32> {
    let body = std::str::from_utf8(body)?;
    let number = body.strip_prefix("o-").context("not an order")?;
    Ok(number.parse()?)
}
