//! The worker of the payments service.

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use history::{Event, Log, Verb};
use lapin::message::Delivery;
use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{Channel, Connection};
use tokio::time::timeout;

use crate::args::{Ack, Args, Declare};
use crate::{ORDERS, PATIENCE, QUEUE, declare_again, order_of};

/// After the work on this order the service declares its queue again.
const AGAIN: u32 = 3;

/// Works until the last order is done, and tells whether the channel lasted so long.
pub async fn work(
    args: &Args,
    connection: &Connection,
    channel: &Channel,
    again: &mut bool,
    log: &mut Log,
) -> Result<bool> {
    let prefetch = if args.ack == Ack::Each { 1 } else { 5 };
    let options = BasicQosOptions::default();
    channel.basic_qos(prefetch, options).await?;
    // ANCHOR: consume
    // The consumer tag names this consumer on this channel. Without one RabbitMQ makes one up.
    let (tag, options) = ("payments".into(), BasicConsumeOptions::default());
    let consumer = channel.basic_consume(QUEUE.into(), tag, options, FieldTable::default());
    let mut orders = consumer.await?;
    // ANCHOR_END: consume
    loop {
        let delivery = timeout(PATIENCE, orders.next()).await;
        let delivery = delivery.context("no order comes")?;
        let delivery = delivery.context("the queue is gone")??;
        let order = order_of(&delivery.data)?;
        let redelivered = if delivery.redelivered {
            "redelivered"
        } else {
            ""
        };
        log.event(Event::new("payments", Verb::Got, order).text(redelivered));
        log.event(Event::new("payments", Verb::Done, order));
        if order == AGAIN && *again {
            *again = false;
            match args.declare {
                Declare::Own => declare_again(&connection.create_channel().await?, log).await?,
                Declare::Shared => declare_again(channel, log).await?,
            }
        }
        // ANCHOR: ack
        // An acknowledgement is a delivery tag, and the tags count per channel. After an error the
        // channel is closed, and with it goes whatever was not acknowledged on it.
        if !channel.status().connected() {
            log.remark("payments", "has no channel to acknowledge on");
            return Ok(false);
        }
        if args.ack == Ack::Each {
            acknowledge(&delivery, false).await?;
        } else if order == ORDERS {
            // This tag and all smaller ones of the channel.
            acknowledge(&delivery, true).await?;
        }
        // ANCHOR_END: ack
        if order == ORDERS {
            return Ok(true);
        }
    }
}

async fn acknowledge(delivery: &Delivery, multiple: bool) -> Result<()> {
    let sent = delivery.ack(BasicAckOptions { multiple }).await?;
    ensure!(sent, "the channel closed before the acknowledgement");
    Ok(())
}
