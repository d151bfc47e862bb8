//! The orders service: publishes orders and finds out what became of each.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use history::{Event, Log, Verb};
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Channel, Confirmation, PublisherConfirm};

use crate::args::{Args, Mandatory};
use crate::{EXCHANGE, TYPE, order_of};

type Orders = Vec<u32>;
type Answer = (u32, lapin::Result<Confirmation>);
/// Orders that are in no queue, each with what became of it, in the protocol's word.
type Kept = BTreeMap<u32, (Verb, &'static str)>;

/// Publishes the orders, and gives those that are in no queue: the service has to keep them.
pub async fn publish(
    args: &Args,
    channel: &Channel,
    orders: Orders,
    log: &mut Log,
) -> Result<Orders> {
    // ANCHOR: publish
    // At `limit` orders without an answer the loop waits until `keep` are left. One by one: 1 and
    // 0. In batches: 2 and 0. Asynchronously: 100 and 99.
    let (limit, keep) = args.confirms.window();
    let mut unanswered = FuturesOrdered::new();
    let (mut acked, mut kept) = (Orders::new(), Kept::new());
    for order in orders {
        // After this `await` the message is on its way. That of `confirm` gives RabbitMQ's answer.
        let confirm = send(args, channel, order).await?;
        log.event(Event::new("orders", Verb::Sent, order));
        unanswered.push_back(async move { (order, confirm.await) });
        if unanswered.len() == limit {
            while unanswered.len() > keep
                && let Some(answer) = unanswered.next().await
            {
                read(answer, &mut acked, &mut kept)?;
            }
            if unanswered.is_empty() {
                settle(&mut acked, &kept, log);
            }
        }
    }
    while let Some(answer) = unanswered.next().await {
        read(answer, &mut acked, &mut kept)?;
    }
    settle(&mut acked, &kept, log);
    // ANCHOR_END: publish
    for (&order, &(verb, word)) in &kept {
        log.event(Event::new("rabbit", verb, order).text(word));
    }
    Ok(kept.into_keys().collect())
}

// ANCHOR: send
async fn send(args: &Args, channel: &Channel, order: u32) -> Result<PublisherConfirm> {
    let options = BasicPublishOptions {
        // Hand it back where no queue takes it.
        mandatory: args.mandatory == Mandatory::Yes,
        ..Default::default()
    };
    // Delivery mode 2 is persistent.
    let properties = BasicProperties::default().with_delivery_mode(2);
    let (exchange, key, body) = (EXCHANGE.into(), TYPE.into(), format!("o-{order}"));
    let publish = channel.basic_publish(exchange, key, options, body.as_bytes(), properties);
    Ok(publish.await?)
}
// ANCHOR_END: send

// ANCHOR: answer
fn read((order, answer): Answer, acked: &mut Orders, kept: &mut Kept) -> Result<()> {
    // An error is no answer: the order may be stored or not.
    let answer = answer.with_context(|| format!("nobody knows where o-{order} is"))?;
    match answer {
        // Not stored yet: this order may come back with the confirm of another one.
        Confirmation::Ack(_) => acked.push(order),
        Confirmation::Nack(_) => {
            kept.insert(order, (Verb::Failed, "basic.nack"));
        }
        // Not in confirm mode. This is no answer of the broker: it comes from lapin, at once.
        Confirmation::NotRequested => {}
    }
    // No queue took an order: it comes back, and is acknowledged all the same. Which order it is,
    // only the message itself says: lapin hangs it on the next confirm that completes, and that may
    // be another order's.
    if let Some(message) = answer.take_message() {
        let order = order_of(&message.delivery.data)?;
        kept.insert(order, (Verb::Back, "basic.return"));
    }
    Ok(())
}
// ANCHOR_END: answer

// ANCHOR: settle
/// No answer is missing any more, so what was acknowledged and did not come back is stored.
fn settle(acked: &mut Orders, kept: &Kept, log: &mut Log) {
    for order in acked.drain(..).filter(|order| !kept.contains_key(order)) {
        log.event(Event::new("rabbit", Verb::Stored, order).text("basic.ack"));
    }
}
// ANCHOR_END: settle
