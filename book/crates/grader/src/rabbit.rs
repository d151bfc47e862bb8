//! RabbitMQ's part of a story: the shop's exchange, its queues, and what is in them.

use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lapin::options::{BasicGetOptions, ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind,
};
use tokio::time::{interval, timeout};

use crate::number;

/// The shop's exchange: topic, durable.
const EXCHANGE: &str = "shop";
/// A message that a durable queue keeps on disk.
const PERSISTENT: u8 = 2;
/// How long RabbitMQ may take to see that a consumer is gone.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is asked.
const LOOK: Duration = Duration::from_millis(20);

/// A connection of the story's own to RabbitMQ, past the proxy. A fault that kills the broker ends
/// it: open another one then.
pub struct Shop {
    connection: Connection,
    channel: Channel,
}

impl Shop {
    /// Connects.
    ///
    /// # Errors
    /// When RabbitMQ refuses or does not answer; so for all that follows.
    pub async fn open(url: &str) -> Result<Shop> {
        let connection = Connection::connect(url, ConnectionProperties::default()).await;
        let connection = connection.context("cannot connect to RabbitMQ")?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(Default::default()).await?;
        Ok(Shop {
            connection,
            channel,
        })
    }

    /// Declares a durable queue with these arguments. The default exchange brings it what has its
    /// name as the routing key.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn work_queue(&self, queue: &str, arguments: FieldTable) -> Result<()> {
        let durable = QueueDeclareOptions::durable();
        let declared = self
            .channel
            .queue_declare(queue.into(), durable, arguments)
            .await;
        declared.with_context(|| format!("cannot declare the queue {queue}"))?;
        Ok(())
    }

    /// The same, and binds it to the exchange `shop`, which it declares, for messages of this type.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn queue(&self, queue: &str, kind: &str, arguments: FieldTable) -> Result<()> {
        self.work_queue(queue, arguments).await?;
        let (topic, durable) = (
            ExchangeKind::Topic,
            ExchangeDeclareOptions {
                durable: true,
                ..Default::default()
            },
        );
        self.channel
            .exchange_declare(EXCHANGE.into(), topic, durable, FieldTable::default())
            .await?;
        self.channel
            .queue_bind(
                queue.into(),
                EXCHANGE.into(),
                kind.into(),
                Default::default(),
                FieldTable::default(),
            )
            .await?;
        Ok(())
    }

    /// Publishes a persistent message of this type for each of the orders to the exchange `shop`, and
    /// waits for the confirms.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn publish(&self, kind: &str, orders: RangeInclusive<u32>) -> Result<()> {
        self.send(EXCHANGE, kind, orders).await
    }

    /// The same, to one queue.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn fill(&self, queue: &str, orders: RangeInclusive<u32>) -> Result<()> {
        self.send("", queue, orders).await
    }

    async fn send(&self, exchange: &str, key: &str, orders: RangeInclusive<u32>) -> Result<()> {
        for order in orders {
            let body = format!("o-{order}");
            let sent = self.channel.basic_publish(
                exchange.into(),
                key.into(),
                Default::default(),
                body.as_bytes(),
                BasicProperties::default().with_delivery_mode(PERSISTENT),
            );
            let confirm = sent.await?.await?;
            ensure!(
                matches!(confirm, Confirmation::Ack(_)),
                "{body}: {confirm:?}"
            );
        }
        Ok(())
    }

    /// Takes all that is ready in the queue out of it: the orders, each with its place. A body that
    /// is no order is left out.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn take(&self, queue: &str) -> Result<Vec<(u32, String)>> {
        let mut found = Vec::new();
        let no_ack = BasicGetOptions { no_ack: true };
        let mut place = 0;
        while let Some(message) = self.channel.basic_get(queue.into(), no_ack).await? {
            place += 1;
            let body = String::from_utf8_lossy(&message.delivery.data).into_owned();
            found.extend(number(&body).map(|order| (order, format!("place {place}"))));
        }
        Ok(found)
    }

    /// How many messages are ready in the queue, and how many consumers it has. A message that a
    /// consumer has and has not acknowledged is not ready.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn ready(&self, queue: &str) -> Result<(u32, u32)> {
        let passive = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        let seen = self
            .channel
            .queue_declare(queue.into(), passive, FieldTable::default())
            .await?;
        Ok((seen.message_count(), seen.consumer_count()))
    }

    /// Returns once nobody consumes from the queue: RabbitMQ has done what a dead consumer's channel
    /// had asked for, and has put back what that had not acknowledged.
    ///
    /// # Errors
    /// See [`Shop::open`]; and when somebody still does after 30 s.
    pub async fn unattended(&self, queue: &str) -> Result<()> {
        let mut look = interval(LOOK);
        let gone = async {
            while self.ready(queue).await?.1 > 0 {
                look.tick().await;
            }
            Ok(())
        };
        let gone = timeout(PATIENCE, gone).await;
        gone.with_context(|| format!("somebody still consumes from {queue}"))?
    }

    /// Closes the connection.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn close(self) -> Result<()> {
        let closed = self.connection.close(200, "the story ends".into());
        closed.await.context("cannot close the connection")
    }
}

/// Deletes these queues, and what is in them.
///
/// # Errors
/// See [`Shop::open`].
pub async fn delete(url: String, queues: Vec<String>) -> Result<()> {
    let shop = Shop::open(&url).await?;
    for queue in queues {
        let deleted = shop
            .channel
            .queue_delete(queue.as_str().into(), Default::default());
        deleted
            .await
            .with_context(|| format!("cannot delete the queue {queue}"))?;
    }
    shop.close().await
}
