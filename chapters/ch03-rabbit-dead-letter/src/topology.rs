//! The queues and the exchange that this run makes and takes away.

use anyhow::{Context, Result};
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};

use crate::args::{Args, DeadLetters};
use crate::{DEAD, EXCHANGE, QUEUE};

pub async fn declare(args: &Args, channel: &Channel) -> Result<()> {
    let none = FieldTable::default;
    let text = |value: &str| AMQPValue::LongString(value.into());
    let durable = QueueDeclareOptions::durable();
    // ANCHOR: dead-letters
    // An exchange like any other. It may serve the dead letters of many queues.
    let options = ExchangeDeclareOptions {
        durable: true,
        ..Default::default()
    };
    let exchange = channel.exchange_declare(EXCHANGE.into(), ExchangeKind::Topic, options, none());
    exchange.await.context("cannot declare the exchange")?;
    if args.dead_letters != DeadLetters::Unrouted {
        let mut arguments = none();
        arguments.insert("x-queue-type".into(), text("quorum"));
        let queue = channel.queue_declare(DEAD.into(), durable, arguments);
        queue
            .await
            .context("cannot declare the dead letter queue")?;
        // A dead letter keeps its routing key, here the name of the queue that gave it up.
        let bound = QueueBindOptions::default();
        let bind = channel.queue_bind(DEAD.into(), EXCHANGE.into(), QUEUE.into(), bound, none());
        bind.await?;
    }
    // ANCHOR_END: dead-letters
    // ANCHOR: topology
    let mut arguments = none();
    arguments.insert("x-queue-type".into(), text("quorum"));
    // How often an order that fails is delivered again. Without this it would be 20 times.
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(3));
    arguments.insert("x-dead-letter-exchange".into(), text(EXCHANGE));
    if args.dead_letters == DeadLetters::AtLeastOnce {
        // The queue keeps a dead letter until another queue has confirmed it. RabbitMQ takes this
        // together with `reject-publish` only, and with the default it does the usual, silently.
        arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
        arguments.insert("x-overflow".into(), text("reject-publish"));
    }
    let queue = channel.queue_declare(QUEUE.into(), durable, arguments);
    queue.await.context("cannot declare the queue")?;
    // ANCHOR_END: topology
    Ok(())
}

/// Takes away what this run made. To delete what is not there is no error.
pub async fn take_away(channel: &Channel) -> Result<()> {
    channel
        .queue_delete(QUEUE.into(), Default::default())
        .await?;
    channel
        .queue_delete(DEAD.into(), Default::default())
        .await?;
    channel
        .exchange_delete(EXCHANGE.into(), Default::default())
        .await?;
    Ok(())
}
