//! The topology, and the inventory service, which reserves stock for each order that it hears of.

use std::collections::HashSet;

use anyhow::{Context, Result};
use history::{Event, Log, Verb};
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};

use crate::{EXCHANGE, KEY, QUEUE};

/// The exchange, and inventory's queue of new orders.
pub async fn declare(channel: &Channel) -> Result<()> {
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..Default::default()
    };
    let (kind, none) = (ExchangeKind::Topic, FieldTable::default());
    let exchange = channel.exchange_declare(EXCHANGE.into(), kind, durable, none.clone());
    exchange.await.context("cannot declare the exchange")?;
    let mut arguments = FieldTable::default();
    let quorum = AMQPValue::LongString("quorum".into());
    arguments.insert("x-queue-type".into(), quorum);
    let queue = channel.queue_declare(QUEUE.into(), QueueDeclareOptions::durable(), arguments);
    queue.await.context("cannot declare the queue")?;
    let bind = QueueBindOptions::default();
    channel
        .queue_bind(QUEUE.into(), EXCHANGE.into(), KEY.into(), bind, none)
        .await?;
    Ok(())
}

/// Takes away what `declare` made.
pub async fn delete(channel: &Channel) -> Result<()> {
    let delete = QueueDeleteOptions::default();
    channel.queue_delete(QUEUE.into(), delete).await?;
    let delete = ExchangeDeleteOptions::default();
    channel.exchange_delete(EXCHANGE.into(), delete).await?;
    Ok(())
}

/// Takes all events that are in the queue, and reserves stock once for each message id: the page on
/// the inbox tells how to remember the ids over a crash.
pub async fn reserve(channel: &Channel, log: &mut Log) -> Result<()> {
    let mut inbox = HashSet::new();
    let get = BasicGetOptions { no_ack: false };
    while let Some(message) = channel.basic_get(QUEUE.into(), get).await? {
        let body = std::str::from_utf8(&message.data)?;
        let order = body.strip_prefix("o-").context("not an order")?;
        let order = order.parse().context("not an order")?;
        let id = message.properties.message_id().clone();
        log.event(Event::new("inventory", Verb::Got, order).text("order.created"));
        if inbox.insert(id.context("a message without an id")?) {
            log.event(Event::new("inventory", Verb::Done, order).text("reserved"));
        } else {
            log.remark("inventory", &format!("knows o-{order}"));
        }
        message.ack(BasicAckOptions::default()).await?;
    }
    Ok(())
}
