//! A worker: takes one order at a time and acknowledges it after the work.

use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use history::{Event, Log, Verb};
use lapin::options::*;
use lapin::types::FieldTable;

use crate::args::{Ack, Args};
use crate::{QUEUE, connect, order_of};

/// This order's bank answers late, so one worker is busy while the other one goes on.
const SLOW: u32 = 2;

/// Consumes orders until the shop closes this process's standard input.
pub async fn work(args: &Args, number: u32) -> Result<()> {
    let lane = format!("worker {number}");
    let url = std::env::var("AMQP_URL").context("the shop starts its workers")?;
    let connection = connect(&url, &lane).await?;
    let channel = connection.create_channel().await?;
    // ANCHOR: consume
    let no_ack = args.ack == Ack::Auto;
    if !no_ack {
        // One unacknowledged order at a time: the broker keeps the next one for whoever is free.
        let prefetch = 1;
        channel
            .basic_qos(prefetch, BasicQosOptions::default())
            .await?;
    }
    // With `no_ack` the broker sends all it has, at once, and forgets each order as it sends it.
    let options = BasicConsumeOptions {
        no_ack,
        ..Default::default()
    };
    let tag = lane.as_str();
    let consumer = channel.basic_consume(QUEUE.into(), tag.into(), options, FieldTable::default());
    let mut orders = consumer.await?;
    // ANCHOR_END: consume
    let (mut log, mut taken) = (Log::new(), 0);
    log.remark(&lane, "waits for orders");
    let (mut parent_gone, mut leaving) = (pin!(brokers::parent_gone()), false);
    loop {
        let delivery = tokio::select! {
            delivery = orders.next() => delivery,
            () = &mut parent_gone, if !leaving => {
                // No new orders after this; those that are here already still come.
                channel.basic_cancel(tag.into(), BasicCancelOptions::default()).await?;
                leaving = true;
                continue;
            }
        };
        let Some(delivery) = delivery else { break };
        // ANCHOR: ack
        let delivery = delivery?;
        let order = order_of(&delivery.data)?;
        let again = if delivery.redelivered {
            "redelivered"
        } else {
            ""
        };
        log.event(Event::new(&lane, Verb::Got, order).text(again));
        taken += 1;
        let units = match order {
            // At this one the shop kills this worker. However late it is, the work is not done.
            _ if taken == args.crash_after => 600,
            SLOW => 30,
            _ => 1,
        };
        // This sleep is the work: the bank charges the card.
        tokio::time::sleep(Duration::from_millis(args.work_ms.into()) * units).await;
        log.event(Event::new(&lane, Verb::Done, order));
        if !no_ack {
            // After the work. A worker that dies before this line leaves the order to the others.
            let sent = delivery.ack(BasicAckOptions::default()).await?;
            ensure!(sent, "the channel closed before the acknowledgement");
        }
        // ANCHOR_END: ack
    }
    // The stream ends without an error as well when the broker cancels the consumer.
    ensure!(
        leaving,
        "the broker cancelled the consumer: is the queue gone?"
    );
    connection.close(200, "the worker goes home".into()).await?;
    Ok(())
}
