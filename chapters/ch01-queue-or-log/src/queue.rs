//! A queue: each message goes to one consumer, and is gone when that one has acknowledged it. Here a
//! quorum queue of RabbitMQ.

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};
use tokio::time::timeout;

use crate::{AFTERNOON, Day, MORNING, PATIENCE, or_interrupted, order_of};

const QUEUE: &str = "orders.order.created";

/// The day, on a queue that is deleted at its end.
pub async fn day(day: &mut Day) -> Result<()> {
    let rabbit = brokers::rabbitmq().await?;
    rabbit.claim_queue(QUEUE).await?;
    let properties = ConnectionProperties::default().with_connection_name("shop".into());
    let connection = Connection::connect(rabbit.url(), properties);
    let connection = connection.await.context("cannot connect to RabbitMQ")?;
    let channel = connection.create_channel().await?;
    let mut arguments = FieldTable::default();
    let quorum = AMQPValue::LongString("quorum".into());
    arguments.insert("x-queue-type".into(), quorum);
    let options = QueueDeclareOptions::durable();
    channel
        .queue_declare(QUEUE.into(), options, arguments)
        .await?;
    let outcome = or_interrupted(trade(&channel, day)).await;
    channel
        .queue_delete(QUEUE.into(), QueueDeleteOptions::default())
        .await?;
    connection.close(200, "the shop closes".into()).await?;
    rabbit.stop().await?;
    outcome
}

async fn trade(channel: &Channel, day: &mut Day) -> Result<()> {
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    channel.basic_qos(1, BasicQosOptions::default()).await?;
    // ANCHOR: queue
    let mut inventory = consume(channel, "inventory").await?;
    for order in MORNING {
        publish(channel, order, day).await?;
        handle(channel, "inventory", next(&mut inventory).await?, day).await?;
    }
    let mut analytics = consume(channel, "analytics").await?;
    day.says("analytics", "consumes from the same queue");
    for order in AFTERNOON {
        publish(channel, order, day).await?;
        // One of the two gets it. Which one, the queue decides.
        tokio::select! {
            order = next(&mut inventory) => handle(channel, "inventory", order?, day).await?,
            order = next(&mut analytics) => handle(channel, "analytics", order?, day).await?,
        }
    }
    // ANCHOR_END: queue
    for service in ["inventory", "analytics"] {
        let cancel = BasicCancelOptions::default();
        channel.basic_cancel(service.into(), cancel).await?;
    }
    let take = BasicGetOptions::default();
    let mut again = 0;
    while channel.basic_get(QUEUE.into(), take).await?.is_some() {
        again += 1;
    }
    let passive = QueueDeclareOptions::default().passive();
    let queue = channel
        .queue_declare(QUEUE.into(), passive, FieldTable::default())
        .await?;
    day.ends("rabbit", queue.message_count().into(), again);
    Ok(())
}

async fn consume(channel: &Channel, service: &str) -> Result<Consumer> {
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = channel.basic_consume(QUEUE.into(), service.into(), options, none);
    Ok(consumer.await?)
}

async fn publish(channel: &Channel, order: u32, day: &mut Day) -> Result<()> {
    let (options, body) = (BasicPublishOptions::default(), format!("o-{order}"));
    let properties = BasicProperties::default().with_delivery_mode(2);
    let (exchange, key) = ("".into(), QUEUE.into());
    let sent = channel.basic_publish(exchange, key, options, body.as_bytes(), properties);
    ensure!(sent.await?.await?.is_ack(), "o-{order} is not stored");
    day.sent(order);
    Ok(())
}

async fn next(orders: &mut Consumer) -> Result<Delivery> {
    let order = timeout(PATIENCE, orders.next())
        .await
        .context("no order comes")?;
    Ok(order.context("the broker cancelled the consumer: is the queue gone?")??)
}

async fn handle(channel: &Channel, service: &str, order: Delivery, day: &mut Day) -> Result<()> {
    day.got(service, order_of(&order.data)?);
    let sent = order.ack(BasicAckOptions::default()).await?;
    ensure!(sent, "the channel closed before the acknowledgement");
    // No answer comes to an acknowledgement. One to this comes after it, so that the service is
    // free again before the next order is published.
    let passive = QueueDeclareOptions::default().passive();
    channel
        .queue_declare(QUEUE.into(), passive, FieldTable::default())
        .await?;
    Ok(())
}
