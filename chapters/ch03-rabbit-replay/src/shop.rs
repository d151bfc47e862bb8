//! What orders publishes, and what the listing reads off.

use std::ops::RangeInclusive;

use anyhow::{Context, Result, bail};
use history::{Event, Log, Verb};
use lapin::message::Delivery;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation};

use crate::topology::EXCHANGE;

/// Publishes orders, each confirmed.
pub async fn publish(channel: &Channel, orders: RangeInclusive<u32>, log: &mut Log) -> Result<()> {
    channel.confirm_select(Default::default()).await?;
    for order in orders {
        // The first three are large. The later ones are small, so the segment they share has room.
        let items = if order <= 3 { 1_200 } else { 1 };
        let body = format!("o-{order} {}", "item ".repeat(items));
        let properties = BasicProperties::default().with_delivery_mode(2);
        let (key, options) = ("".into(), BasicPublishOptions::default());
        let sent =
            channel.basic_publish(EXCHANGE.into(), key, options, body.as_bytes(), properties);
        match sent.await?.await? {
            Confirmation::Ack(_) => log.event(Event::new("rabbit", Verb::Stored, order)),
            refused => bail!("o-{order} is not stored: {refused:?}"),
        }
    }
    Ok(())
}

/// How many orders of a queue are with no consumer.
pub async fn ready(channel: &Channel, queue: &str) -> Result<u32> {
    let passive = QueueDeclareOptions::default().passive();
    let queue = channel.queue_declare(queue.into(), passive, FieldTable::default());
    Ok(queue.await?.message_count())
}

/// The place of an order in the stream.
pub fn offset_of(order: &Delivery) -> Result<i64> {
    let headers = order.properties.headers().as_ref();
    let offset = headers.and_then(|headers| headers.inner().get("x-stream-offset"));
    let offset = offset.and_then(AMQPValue::as_long_long_int);
    offset.context("this order comes from no stream")
}

/// `o-3 item item ...` is order 3.
pub fn order_of(body: &[u8]) -> Result<u32> {
    let body = std::str::from_utf8(body)?;
    let number = body
        .strip_prefix("o-")
        .and_then(|rest| rest.split(' ').next());
    Ok(number.context("not an order")?.parse()?)
}

pub fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

pub fn table(name: &str, value: &str) -> FieldTable {
    let mut table = FieldTable::default();
    table.insert(name.into(), text(value));
    table
}

/// What the strip is about: what analytics gets of all that is published.
pub fn judged(log: &Log) -> Vec<Event> {
    let about = |event: &&Event| event.lane == "rabbit" || event.lane == "analytics";
    let mut events: Vec<Event> = log.events().iter().filter(about).cloned().collect();
    for event in &mut events {
        if event.verb == Verb::Got {
            event.verb = Verb::Done;
        }
    }
    events
}
