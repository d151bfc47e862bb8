//! RabbitMQ's part of a story: the shop's exchange, its queues, and what is in them.

use std::ops::RangeInclusive;

use anyhow::{Context, Result, ensure};
use lapin::options::{BasicGetOptions, ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind,
};

use crate::number;

/// The shop's exchange: topic, durable.
const EXCHANGE: &str = "shop";
/// A message that a durable queue keeps on disk.
const PERSISTENT: u8 = 2;

/// A connection of the story's own to RabbitMQ, past the proxy. A fault that kills the broker ends
/// it: open another one then.
pub struct Shop {
    connection: Connection,
    channel: Channel,
}

impl Shop {
    /// Connects, and declares the exchange `shop`.
    ///
    /// # Errors
    /// When RabbitMQ refuses or does not answer; so for all that follows.
    pub async fn open(url: &str) -> Result<Shop> {
        let connection = Connection::connect(url, ConnectionProperties::default()).await;
        let connection = connection.context("cannot connect to RabbitMQ")?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(Default::default()).await?;
        let (kind, durable) = (
            ExchangeKind::Topic,
            ExchangeDeclareOptions {
                durable: true,
                ..Default::default()
            },
        );
        channel
            .exchange_declare(EXCHANGE.into(), kind, durable, FieldTable::default())
            .await?;
        Ok(Shop {
            connection,
            channel,
        })
    }

    /// Declares a durable queue with these arguments, and binds it for messages of this type.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn queue(&self, queue: &str, kind: &str, arguments: FieldTable) -> Result<()> {
        let durable = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        self.channel
            .queue_declare(queue.into(), durable, arguments)
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

    /// Publishes a persistent message of this type for each of the orders, and waits for the
    /// confirms.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn publish(&self, kind: &str, orders: RangeInclusive<u32>) -> Result<()> {
        for order in orders {
            let body = format!("o-{order}");
            let sent = self.channel.basic_publish(
                EXCHANGE.into(),
                kind.into(),
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

    /// Closes the connection.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn close(self) -> Result<()> {
        let closed = self.connection.close(200, "the story ends".into());
        closed.await.context("cannot close the connection")
    }
}
