//! The queue, and the payments service that works on what is in it.

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use history::{Event, Log, Verb};
use lapin::message::Delivery;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Consumer};
use tokio::time::timeout;

/// How long an acknowledgement may take to be written.
const LIMIT: Duration = Duration::from_secs(2);
pub const QUEUE: &str = "payments.payment.charge";

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

/// One unacknowledged order at a time.
pub async fn consume(channel: &Channel) -> Result<Consumer> {
    channel.basic_qos(1, BasicQosOptions::default()).await?;
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = channel.basic_consume(QUEUE.into(), "payments".into(), options, arguments);
    consumer.await.context("cannot consume")
}

/// Receives an order, works on it, acknowledges it. False where no order comes any more.
pub async fn work(charges: &mut Consumer, log: &mut Log) -> Result<bool> {
    let Some(charge) = receive(charges, log).await? else {
        return Ok(false);
    };
    finish(Some(charge), log).await?;
    Ok(true)
}

// ANCHOR: receive
pub async fn receive(charges: &mut Consumer, log: &mut Log) -> Result<Option<Delivery>> {
    match charges.next().await {
        Some(Ok(charge)) => {
            let order = order_of(&charge.data)?;
            let again = if charge.redelivered {
                "redelivered"
            } else {
                ""
            };
            log.event(Event::new("payments", Verb::Got, order).text(again));
            return Ok(Some(charge));
        }
        // RabbitMQ has closed this channel, and says why. No recovery opens it again.
        Some(Err(error)) if error.is_amqp_soft_error() => {
            return Err(error).context("the channel is closed");
        }
        // The connection is gone, and nothing will connect again.
        Some(Err(_)) => log.remark("payments", "has no connection any more"),
        // RabbitMQ has cancelled this consumer. The connection is fine.
        None => log.remark("payments", "gets no more orders"),
    }
    Ok(None)
}
// ANCHOR_END: receive

// ANCHOR: finish
pub async fn finish(charge: Option<Delivery>, log: &mut Log) -> Result<()> {
    let Some(charge) = charge else { return Ok(()) };
    let order = order_of(&charge.data)?;
    // The card is charged here.
    log.event(Event::new("payments", Verb::Done, order));
    // `Ok(false)`: the channel on which the order came is gone, and RabbitMQ has taken it back. On a
    // connection that dies at this moment the call may never return, hence the limit.
    let acknowledged = timeout(LIMIT, charge.ack(BasicAckOptions::default())).await;
    if !matches!(acknowledged, Ok(Ok(true))) {
        log.remark("payments", &format!("cannot acknowledge o-{order}"));
    }
    Ok(())
}
// ANCHOR_END: finish

/// How many events of this kind there were.
pub fn count(log: &Log, verb: Verb) -> usize {
    let events = log.events().iter();
    events.filter(|event| event.verb == verb).count()
}

/// `o-3` is order 3.
pub fn order_of(body: &[u8]) -> Result<u32> {
    let body = std::str::from_utf8(body)?;
    let number = body.strip_prefix("o-").context("not an order")?;
    Ok(number.parse()?)
}
