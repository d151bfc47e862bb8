//! CHAPTER_TITLE: payment orders go through a queue to one worker.
//!
//! ```console
//! cargo run -p CHAPTER_ID
//! cargo run -p CHAPTER_ID -- --orders 5
//! ```

mod args;

use anyhow::{Context, Result, anyhow, bail};
use args::Args;
use clap::Parser;
use futures_util::StreamExt;
use history::{Event, Log, Verb};
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

const QUEUE: &str = "payments.payment.charge";

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    // ANCHOR: connect
    let rabbit = brokers::rabbitmq().await?;
    let properties = ConnectionProperties::default().with_connection_name("shop".into());
    let connection = Connection::connect(rabbit.url(), properties).await;
    let connection = connection.context("cannot connect to RabbitMQ")?;
    let channel = connection.create_channel().await?;
    // ANCHOR_END: connect
    rabbit.claim_queue(QUEUE).await?;
    let mut log = Log::new();
    let outcome = tokio::select! {
        outcome = trade(&args, &channel, &mut log) => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    // ANCHOR: shutdown
    // Whatever happened, this run takes its queue away again. Its consumer goes first: it ends
    // with the channel.
    channel.close(200, "the worker leaves".into()).await?;
    let channel = connection.create_channel().await?;
    let delete = QueueDeleteOptions::default();
    channel.queue_delete(QUEUE.into(), delete).await?;
    connection.close(200, "the shop closes".into()).await?;
    rabbit.stop().await?;
    // ANCHOR_END: shutdown
    outcome?;
    log.finish(&[])?;
    Ok(())
}

async fn trade(args: &Args, channel: &Channel, log: &mut Log) -> Result<()> {
    declare(channel).await?;
    publish(args.orders, channel, log).await?;
    work(args.orders, channel, log).await
}

// ANCHOR: topology
async fn declare(channel: &Channel) -> Result<()> {
    // Without this argument you get a classic queue: one copy, on one node.
    let mut arguments = FieldTable::default();
    let quorum = AMQPValue::LongString("quorum".into());
    arguments.insert("x-queue-type".into(), quorum);
    let options = QueueDeclareOptions::durable();
    let declared = channel.queue_declare(QUEUE.into(), options, arguments);
    declared.await.context("cannot declare the queue")?;
    Ok(())
}
// ANCHOR_END: topology

// ANCHOR: publish
async fn publish(orders: u32, channel: &Channel, log: &mut Log) -> Result<()> {
    // From here on the broker answers each message on this channel.
    channel.confirm_select(Default::default()).await?;
    for order in 1..=orders {
        let body = format!("o-{order}");
        let properties = BasicProperties::default().with_delivery_mode(2);
        let options = BasicPublishOptions::default();
        let (exchange, key) = ("".into(), QUEUE.into());
        let publish = channel.basic_publish(exchange, key, options, body.as_bytes(), properties);
        log.event(Event::new("shop", Verb::Sent, order).text("payment.charge"));
        match publish.await?.await? {
            Confirmation::Ack(_) => log.event(Event::new("rabbit", Verb::Stored, order)),
            refused => bail!("o-{order} is not stored: {refused:?}"),
        }
    }
    Ok(())
}
// ANCHOR_END: publish

// ANCHOR: consume
async fn work(orders: u32, channel: &Channel, log: &mut Log) -> Result<()> {
    // One order at a time on its way to the worker; the others wait in the queue.
    channel.basic_qos(1, Default::default()).await?;
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = channel.basic_consume(QUEUE.into(), "worker-1".into(), options, arguments);
    let mut orders = consumer.await?.take(orders.try_into()?);
    while let Some(delivery) = orders.next().await {
        let delivery = delivery?;
        let order = order_of(&delivery.data)?;
        log.event(Event::new("worker 1", Verb::Got, order));
        log.event(Event::new("worker 1", Verb::Done, order));
        // After the work: an order that was not acknowledged goes to another worker.
        delivery.ack(Default::default()).await?;
    }
    Ok(())
}
// ANCHOR_END: consume

/// `o-3` is order 3.
fn order_of(body: &[u8]) -> Result<u32> {
    let body = std::str::from_utf8(body)?;
    let number = body.strip_prefix("o-").context("not an order")?;
    Ok(number.parse()?)
}
