//! RabbitMQ: the queue counts failures, and puts the order into another queue.

use anyhow::{Context, Result, anyhow, ensure};
use brokers::Broker;
use futures_util::StreamExt;
use history::Log;
use lapin::message::Delivery;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};
use tokio::time::timeout;

use crate::PATIENCE;
use crate::args::Handling;
use crate::desk::{Desk, ORDERS, Outcome, body, order_of};

const QUEUE: &str = "payments.payment.charge";
const DEAD: &str = "dead.payment.charge";

pub async fn open_shop(handling: Handling, log: &mut Log) -> Result<Vec<u32>> {
    let rabbit = brokers::rabbitmq().await?;
    rabbit.claim_queue(QUEUE).await?;
    rabbit.claim_queue(DEAD).await?;
    let connection = connect(&rabbit).await?;
    let outcome = tokio::select! {
        outcome = trade(handling, &connection, log) => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    // On a channel of its own: an error in the trade would have closed the other one.
    let removing = connection.create_channel().await?;
    removing
        .queue_delete(QUEUE.into(), Default::default())
        .await?;
    removing
        .queue_delete(DEAD.into(), Default::default())
        .await?;
    connection.close(200, "the shop closes".into()).await?;
    rabbit.stop().await?;
    outcome
}

async fn connect(rabbit: &Broker) -> Result<Connection> {
    let properties = ConnectionProperties::default().with_connection_name("payments".into());
    let connection = Connection::connect(rabbit.url(), properties).await;
    connection.context("cannot connect to RabbitMQ")
}

async fn trade(handling: Handling, connection: &Connection, log: &mut Log) -> Result<Vec<u32>> {
    let (channel, mut desk) = (connection.create_channel().await?, Desk::new(log));
    declare(handling, &channel).await?;
    publish(&channel, &mut desk).await?;
    work(connection, &mut desk).await?;
    let mut left = Vec::new();
    if handling == Handling::Yes {
        left.push(accounting(connection, &mut desk).await?);
    }
    let take = BasicGetOptions { no_ack: true };
    while let Some(message) = channel.basic_get(QUEUE.into(), take).await? {
        left.push(order_of(&message.data)?);
    }
    channel.close(200, "the shop closes".into()).await?;
    Ok(left)
}

async fn declare(handling: Handling, channel: &Channel) -> Result<()> {
    let (text, durable) = (
        |value: &str| AMQPValue::LongString(value.into()),
        QueueDeclareOptions::durable(),
    );
    // ANCHOR: rabbit
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    channel
        .queue_declare(DEAD.into(), durable, arguments.clone())
        .await?;
    let limit = match handling {
        Handling::Yes => {
            // Given up, an order goes to the queue DEAD, by the default exchange.
            arguments.insert("x-dead-letter-exchange".into(), text(""));
            arguments.insert("x-dead-letter-routing-key".into(), text(DEAD));
            // Kept until it has arrived there.
            arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
            arguments.insert("x-overflow".into(), text("reject-publish"));
            3
        }
        // No limit. The default is 20.
        Handling::No => -1,
    };
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(limit));
    channel
        .queue_declare(QUEUE.into(), durable, arguments)
        .await?;
    // ANCHOR_END: rabbit
    Ok(())
}

async fn publish(channel: &Channel, desk: &mut Desk<'_>) -> Result<()> {
    channel.confirm_select(Default::default()).await?;
    for order in 1..=ORDERS {
        let (body, properties) = (
            body(order),
            BasicProperties::default().with_delivery_mode(2),
        );
        let options = BasicPublishOptions::default();
        let (exchange, key) = ("".into(), QUEUE.into());
        let publish = channel.basic_publish(exchange, key, options, body.as_bytes(), properties);
        let confirm = publish.await?.await?;
        ensure!(confirm.is_ack(), "o-{order} is not stored: {confirm:?}");
        desk.sent(order);
    }
    Ok(())
}

async fn work(connection: &Connection, desk: &mut Desk<'_>) -> Result<()> {
    let channel = connection.create_channel().await?;
    channel.basic_qos(1, BasicQosOptions::default()).await?;
    let mut orders = consume(&channel, QUEUE).await?;
    loop {
        let delivery = next(&mut orders).await?;
        let failures = header(&delivery, "x-delivery-count");
        let failures = failures.and_then(|count| count.as_long_long_int());
        let attempt = format!("attempt {}, says RabbitMQ", failures.unwrap_or(0) + 1);
        desk.got(&delivery.data)?;
        // ANCHOR: rabbit-work
        let outcome = desk.charge(&delivery.data, &attempt)?;
        match outcome {
            Outcome::Done | Outcome::Last => delivery.ack(BasicAckOptions::default()).await?,
            // Not a nack, which RabbitMQ does not count.
            _ => {
                delivery
                    .reject(BasicRejectOptions { requeue: true })
                    .await?
            }
        };
        // ANCHOR_END: rabbit-work
        if outcome == Outcome::Last || outcome == Outcome::Enough {
            break;
        }
    }
    // What is still with this consumer goes back to the queue.
    channel.close(200, "the worker goes home".into()).await?;
    Ok(())
}

/// Waits for the dead letter, and leaves it where it is.
async fn accounting(connection: &Connection, desk: &mut Desk<'_>) -> Result<u32> {
    let channel = connection.create_channel().await?;
    let mut letters = consume(&channel, DEAD).await?;
    let letter = next(&mut letters).await?;
    let why = header(&letter, "x-last-death-reason");
    let why = why.and_then(|why| Some(why.as_long_string()?.to_string()));
    let (order, why) = (order_of(&letter.data)?, why.context("no dead letter")?);
    desk.says("accounting", &format!("finds o-{order} in {DEAD}: {why}"));
    channel.close(200, "seen".into()).await?;
    Ok(order)
}

async fn consume(channel: &Channel, queue: &str) -> lapin::Result<Consumer> {
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    channel
        .basic_consume(queue.into(), "".into(), options, none)
        .await
}

async fn next(orders: &mut Consumer) -> Result<Delivery> {
    let delivery = timeout(PATIENCE, orders.next()).await;
    let delivery = delivery.context("no order comes")?;
    Ok(delivery.context("the queue is gone")??)
}

fn header<'a>(delivery: &'a Delivery, name: &str) -> Option<&'a AMQPValue> {
    delivery.properties.headers().as_ref()?.inner().get(name)
}
