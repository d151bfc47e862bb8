//! The payments service: charges orders, and fails on one of them each time.

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use history::{Event, Log, Verb};
use lapin::Connection;
use lapin::message::Delivery;
use lapin::options::*;
use lapin::types::FieldTable;
use tokio::time::timeout;

use crate::args::Failure;
use crate::{ORDERS, PATIENCE, QUEUE, order_of};

/// After so many failures the listing ends the loop. RabbitMQ would not.
const ENOUGH: u32 = 1000;
/// So many failures are printed.
const SHOWN: u32 = 4;

/// Works on one order at a time, until the last one is done or one has failed far too often.
pub async fn work(connection: &Connection, failure: Failure, log: &mut Log) -> Result<()> {
    let channel = connection.create_channel().await?;
    channel.basic_qos(1, BasicQosOptions::default()).await?;
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = channel.basic_consume(QUEUE.into(), "payments".into(), options, none);
    let (mut orders, mut failures) = (consumer.await?, 0);
    while failures < ENOUGH {
        let delivery = timeout(PATIENCE, orders.next()).await;
        let delivery = delivery.context("no order comes")?;
        let delivery = delivery.context("the queue is gone")??;
        let order = order_of(&delivery.data)?;
        let event = |verb| Event::new("payments", verb, order);
        let charge = amount(&delivery.data);
        // Of a thousand failures the first ones are enough to read.
        let shown = charge.is_ok() || failures < SHOWN;
        if shown {
            log.event(event(Verb::Got).text(attempt(&delivery)));
        }
        if let Err(why) = charge {
            failures += 1;
            if shown {
                log.event(event(Verb::Failed).text(why.to_string()));
            }
            let sent = give_up(&delivery, failure).await?;
            ensure!(sent, "the channel closed before the answer");
            continue;
        }
        log.event(event(Verb::Done));
        let sent = delivery.ack(BasicAckOptions::default()).await?;
        ensure!(sent, "the channel closed before the acknowledgement");
        if order == ORDERS {
            break;
        }
    }
    if failures == ENOUGH {
        log.remark("payments", &format!("has failed {ENOUGH} times, and stops"));
    }
    // What is still with this consumer goes back to the queue.
    channel.close(200, "the worker goes home".into()).await?;
    Ok(())
}

// ANCHOR: give-up
/// Tells RabbitMQ that the order is not done.
async fn give_up(delivery: &Delivery, failure: Failure) -> lapin::Result<bool> {
    match failure {
        // Back to the queue.
        Failure::RejectRequeue => delivery.reject(BasicRejectOptions { requeue: true }).await,
        // Back to the queue, too, by the other word.
        Failure::NackRequeue => {
            let options = BasicNackOptions {
                requeue: true,
                ..Default::default()
            };
            delivery.nack(options).await
        }
        // Not back to the queue: this order will never work.
        Failure::Reject => delivery.reject(BasicRejectOptions { requeue: false }).await,
    }
}
// ANCHOR_END: give-up

/// What a delivery says about earlier ones of the same order.
fn attempt(delivery: &Delivery) -> String {
    let headers = delivery.properties.headers().as_ref();
    let count = headers.and_then(|headers| headers.inner().get("x-delivery-count"));
    match count.and_then(|count| count.as_long_long_int()) {
        Some(count) => format!("redelivered, x-delivery-count {count}"),
        None if delivery.redelivered => "redelivered, no x-delivery-count".to_owned(),
        None => String::new(),
    }
}

/// `o-1 10 EUR` is about 10 euros. The body of o-3 has no number there, and never will.
fn amount(body: &[u8]) -> Result<u32> {
    let body = std::str::from_utf8(body)?;
    let amount = body.split(' ').nth(1).context("no amount")?;
    amount
        .parse()
        .with_context(|| format!("`{amount}` is no amount"))
}
