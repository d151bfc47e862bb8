//! The queue and the orders in it, as on the page on the work queue.

use anyhow::{Context, Result, bail};
use history::{Event, Log, Verb};
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation};

use crate::{ORDERS, QUEUE};

/// A quorum queue.
pub async fn declare(channel: &Channel) -> Result<()> {
    let mut arguments = FieldTable::default();
    let quorum = AMQPValue::LongString("quorum".into());
    arguments.insert("x-queue-type".into(), quorum);
    let options = QueueDeclareOptions::durable();
    let declared = channel.queue_declare(QUEUE.into(), options, arguments);
    declared.await.context("cannot declare the queue")?;
    Ok(())
}

/// Eight orders, each confirmed.
pub async fn publish(channel: &Channel, log: &mut Log) -> Result<()> {
    channel.confirm_select(Default::default()).await?;
    for order in 1..=ORDERS {
        let body = format!("o-{order}");
        let properties = BasicProperties::default().with_delivery_mode(2);
        let options = BasicPublishOptions::default();
        let (exchange, key) = ("".into(), QUEUE.into());
        let publish = channel.basic_publish(exchange, key, options, body.as_bytes(), properties);
        match publish.await?.await? {
            Confirmation::Ack(_) => log.event(Event::new("rabbit", Verb::Stored, order)),
            refused => bail!("o-{order} is not stored: {refused:?}"),
        }
    }
    Ok(())
}

/// Returns once the broker has seen that no worker is left, and has taken back what they held.
pub async fn nobody_consumes(channel: &Channel) -> Result<()> {
    while look(channel).await?.1 > 0 {}
    Ok(())
}

/// Returns once no more orders than these are ready.
pub async fn no_more_than(orders: u32, channel: &Channel) -> Result<()> {
    while ready(channel).await? > orders {}
    Ok(())
}

/// How many orders are ready.
pub async fn ready(channel: &Channel) -> Result<u32> {
    Ok(look(channel).await?.0)
}

async fn look(channel: &Channel) -> Result<(u32, u32)> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..Default::default()
    };
    let queue = channel.queue_declare(QUEUE.into(), passive, FieldTable::default());
    let queue = queue.await?;
    Ok((queue.message_count(), queue.consumer_count()))
}
