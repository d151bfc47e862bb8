//! The inventory service: its queue, and the work on what is in it.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use history::{Event, Log, Verb};
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection};

use crate::args::Inventory;
use crate::{EXCHANGE, PATIENCE, TYPE, order_of};

pub const QUEUE: &str = "inventory.order.created";

/// The service, and how its queue is.
pub struct Service {
    channel: Channel,
    queue: Inventory,
}

impl Service {
    pub async fn new(connection: &Connection, queue: Inventory) -> Result<Service> {
        let channel = connection.create_channel().await?;
        Ok(Service { channel, queue })
    }

    /// Declares the queue and binds it. From here on each new order goes there, earlier ones do not.
    pub async fn open(&self, log: &mut Log) -> Result<()> {
        // ANCHOR: limit
        let mut arguments = FieldTable::default();
        let quorum = AMQPValue::LongString("quorum".into());
        arguments.insert("x-queue-type".into(), quorum);
        if self.queue == Inventory::Full {
            // A full queue drops its oldest message, unless it is told to refuse the newest.
            arguments.insert("x-max-length".into(), AMQPValue::LongInt(3));
            let reject = AMQPValue::LongString("reject-publish".into());
            arguments.insert("x-overflow".into(), reject);
        }
        // ANCHOR_END: limit
        let durable = QueueDeclareOptions::durable();
        let declared = self.channel.queue_declare(QUEUE.into(), durable, arguments);
        declared.await.context("cannot declare the queue")?;
        let (exchange, key) = (EXCHANGE.into(), TYPE.into());
        let (options, none) = (QueueBindOptions::default(), FieldTable::default());
        self.channel
            .queue_bind(QUEUE.into(), exchange, key, options, none)
            .await?;
        log.remark("inventory", "binds its queue to order.created");
        Ok(())
    }

    /// Returns when the queue holds so many orders. Without confirms nobody tells when the broker
    /// is through with what was published, so the listing looks.
    pub async fn holds(&self, orders: u32) -> Result<()> {
        let begun = Instant::now();
        // Passive: it makes nothing, it asks how the queue is.
        let passive = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        loop {
            let none = FieldTable::default();
            let queue = self.channel.queue_declare(QUEUE.into(), passive, none);
            if queue.await?.message_count() >= orders {
                return Ok(());
            }
            ensure!(
                begun.elapsed() < PATIENCE,
                "the orders are not in the queue"
            );
        }
    }

    /// Works on what is in the queue, one order after the other, until it is empty. A service that
    /// runs all day consumes instead: the page on the work queue shows it.
    pub async fn work(&self, log: &mut Log) -> Result<()> {
        let get = BasicGetOptions::default();
        while let Some(message) = self.channel.basic_get(QUEUE.into(), get).await? {
            let done = Event::new("inventory", Verb::Done, order_of(&message.data)?);
            log.event(done.text("stock.reserved"));
            let sent = message.ack(BasicAckOptions::default()).await?;
            ensure!(sent, "the channel closed before the acknowledgement");
        }
        Ok(())
    }

    /// Closes the channel. One that is only dropped is still closing when the connection closes.
    pub async fn close(self) -> Result<()> {
        self.channel.close(200, "the service ends".into()).await?;
        Ok(())
    }
}
