//! The email service: a work queue of its own, in which an order is gone when it is done.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use history::{Event, Log, Verb};
use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer};

use crate::shop::order_of;
use crate::topology::QUEUE;

pub async fn consume(connection: &Connection) -> Result<(Channel, Consumer)> {
    let channel = connection.create_channel().await?;
    channel.basic_qos(1, BasicQosOptions::default()).await?;
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = channel.basic_consume(QUEUE.into(), "email".into(), options, arguments);
    let consumer = consumer.await.context("cannot consume")?;
    Ok((channel, consumer))
}

pub async fn work(orders: &mut Consumer, count: usize, log: &mut Log) -> Result<()> {
    for _ in 0..count {
        let delivery = orders.next().await.context("the queue is gone")??;
        let order = order_of(&delivery.data)?;
        // This sleep is the work: the customer's email is written and sent.
        tokio::time::sleep(Duration::from_millis(700)).await;
        let sent = delivery.ack(BasicAckOptions::default()).await?;
        ensure!(sent, "the channel closed before the acknowledgement");
        log.event(Event::new("email", Verb::Got, order));
    }
    Ok(())
}
