//! Reads a stream from a place on.

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, Consumer};
use tokio::time::timeout;

use crate::PATIENCE;
use crate::shop::{offset_of, order_of};
use crate::topology::STREAM;

// ANCHOR: reader
pub async fn reader(connection: &Connection, from: AMQPValue) -> Result<(Channel, Consumer)> {
    let channel = connection.create_channel().await?;
    // Without a prefetch RabbitMQ refuses to let a stream be read.
    channel.basic_qos(100, BasicQosOptions::default()).await?;
    // Where to begin: "first", "last", "next", an offset, a time. Without this argument: "next".
    let mut place = FieldTable::default();
    place.insert("x-stream-offset".into(), from);
    let options = BasicConsumeOptions::default();
    let consumer = channel.basic_consume(STREAM.into(), "".into(), options, place);
    let orders = consumer.await.context("cannot read the stream")?;
    Ok((channel, orders))
}

pub async fn next(orders: &mut Consumer) -> Result<(u32, i64)> {
    let order = timeout(PATIENCE, orders.next())
        .await
        .context("no order comes")?;
    let order = order.context("the stream is gone")??;
    // It makes room under the prefetch, and does nothing else: the order stays in the stream.
    let sent = order.ack(BasicAckOptions::default()).await?;
    ensure!(sent, "the channel closed before the acknowledgement");
    Ok((order_of(&order.data)?, offset_of(&order)?))
}
// ANCHOR_END: reader
