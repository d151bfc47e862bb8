//! One exchange, a work queue and a stream.

use anyhow::{Context, Result};
use brokers::Broker;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};

use crate::args::{Args, MaxAge};
use crate::shop::table;

pub const EXCHANGE: &str = "order.created";
pub const QUEUE: &str = "email.order.created";
pub const STREAM: &str = "orders.order.created";

/// Fails where a name is somebody else's.
pub async fn claim(rabbit: &Broker) -> Result<()> {
    rabbit.claim_exchange(EXCHANGE).await?;
    for queue in [QUEUE, STREAM] {
        rabbit.claim_queue(queue).await?;
    }
    Ok(())
}

pub async fn declare(args: &Args, channel: &Channel) -> Result<()> {
    let (mut options, none) = (ExchangeDeclareOptions::default(), FieldTable::default());
    options.durable = true;
    let (exchange, fanout) = (EXCHANGE.into(), ExchangeKind::Fanout);
    let declared = channel.exchange_declare(exchange, fanout, options, none);
    declared.await.context("cannot declare the exchange")?;
    // ANCHOR: stream
    let mut stream = table("x-queue-type", "stream");
    if args.max_age == MaxAge::Seconds {
        stream.insert("x-max-age".into(), AMQPValue::LongString("2s".into()));
        // A stream is cut by whole segments. Here a large order of 6 kB fills one; the default size
        // is 500 MB.
        let segment = AMQPValue::LongLongInt(5_000);
        stream.insert("x-stream-max-segment-size-bytes".into(), segment);
    }
    for (name, arguments) in [(QUEUE, table("x-queue-type", "quorum")), (STREAM, stream)] {
        let options = QueueDeclareOptions::durable();
        let declared = channel.queue_declare(name.into(), options, arguments);
        declared.await.context("cannot declare a queue")?;
        let (from, bind, none) = (EXCHANGE.into(), Default::default(), FieldTable::default());
        let bound = channel.queue_bind(name.into(), from, "".into(), bind, none);
        bound.await.context("cannot bind a queue")?;
    }
    // ANCHOR_END: stream
    Ok(())
}

/// Takes it all away again.
pub async fn remove(channel: &Channel) -> Result<()> {
    for queue in [QUEUE, STREAM] {
        let delete = QueueDeleteOptions::default();
        channel.queue_delete(queue.into(), delete).await?;
    }
    let delete = ExchangeDeleteOptions::default();
    channel.exchange_delete(EXCHANGE.into(), delete).await?;
    Ok(())
}
