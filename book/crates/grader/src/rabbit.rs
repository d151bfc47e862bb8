//! RabbitMQ's part of a story: the shop's exchange, its queues, and what is in them.

mod charges;
mod full;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lapin::options::{BasicGetOptions, ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind,
};
use tokio::time::{interval, timeout};
use wire::amqp::{ACK, DELIVER, GET_OK, NACK, PUBLISH, REJECT};
use wire::{Frame, Proxy};

use crate::number;
use crate::once::orders;

pub use charges::{Charges, DeadLetter};
pub use full::{at_most, refusals, refused};

/// The body of a message that is about no order.
pub const FILLING: &str = "about no order";

/// The shop's exchange: topic, durable.
const EXCHANGE: &str = "shop";
/// A message that a durable queue keeps on disk.
const PERSISTENT: u8 = 2;
/// How long RabbitMQ may take to see that a consumer is gone.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is asked.
const LOOK: Duration = Duration::from_millis(20);

/// A connection of the story's own to RabbitMQ, past the proxy. A fault that kills the broker ends
/// it: open another one then. A clone is the same connection.
#[derive(Clone)]
pub struct Shop {
    connection: Arc<Connection>,
    channel: Channel,
}

/// A message that a queue had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its place in the queue, 1 for the first.
    pub place: usize,
    /// Its body, as text.
    pub body: String,
    /// The message id that its publisher has given it.
    pub id: Option<String>,
    /// Where RabbitMQ has made a dead letter of it, why it has done that last: `rejected`,
    /// `delivery_limit`.
    pub reason: Option<String>,
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
            connection: Arc::new(connection),
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
            let plain = BasicProperties::default();
            self.store(exchange, key, &format!("o-{order}"), plain)
                .await?;
        }
        Ok(())
    }

    /// Publishes a persistent message with this body to one queue, and waits for the confirm.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn put(&self, queue: &str, body: &str) -> Result<()> {
        self.store("", queue, body, BasicProperties::default())
            .await
    }

    /// Puts messages with the body [`FILLING`] into a queue, until it has so many.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn fill_up(&self, queue: &str, room: u32) -> Result<()> {
        while self.ready(queue).await?.0 < room {
            self.put(queue, FILLING).await?;
        }
        Ok(())
    }

    /// The same as [`Shop::put`], with this message id.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn send_with_id(&self, queue: &str, body: &str, id: &str) -> Result<()> {
        let named = BasicProperties::default().with_message_id(id.into());
        self.store("", queue, body, named).await
    }

    async fn store(
        &self,
        exchange: &str,
        key: &str,
        body: &str,
        properties: BasicProperties,
    ) -> Result<()> {
        let sent = self.channel.basic_publish(
            exchange.into(),
            key.into(),
            Default::default(),
            body.as_bytes(),
            properties.with_delivery_mode(PERSISTENT),
        );
        let confirm = sent.await?.await?;
        ensure!(
            matches!(confirm, Confirmation::Ack(_)),
            "{body}: {confirm:?}"
        );
        Ok(())
    }

    /// Takes all that is ready in the queue out of it: the orders, each with its place. A body that
    /// is no order is left out.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn take(&self, queue: &str) -> Result<Vec<(u32, String)>> {
        let stored = self.stored(queue).await?.into_iter();
        let orders = stored.filter_map(|message| {
            let order = number(&message.body)?;
            Some((order, format!("place {}", message.place)))
        });
        Ok(orders.collect())
    }

    /// Takes all that is ready in the queue out of it.
    ///
    /// # Errors
    /// See [`Shop::open`].
    pub async fn stored(&self, queue: &str) -> Result<Vec<Stored>> {
        let mut found = Vec::new();
        let no_ack = BasicGetOptions { no_ack: true };
        while let Some(message) = self.channel.basic_get(queue.into(), no_ack).await? {
            let id = message.properties.message_id().as_ref();
            found.push(Stored {
                place: found.len() + 1,
                body: String::from_utf8_lossy(&message.delivery.data).into_owned(),
                id: id.map(|id| id.as_str().to_owned()),
                reason: reason(&message.properties),
            });
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

/// What makes a quorum queue of a queue, and more arguments.
pub fn quorum<const N: usize>(more: [(&str, AMQPValue); N]) -> FieldTable {
    let mut arguments = FieldTable::default();
    let quorum = AMQPValue::LongString("quorum".into());
    arguments.insert("x-queue-type".into(), quorum);
    for (name, value) in more {
        arguments.insert(name.into(), value);
    }
    arguments
}

/// The reason of a message's last death, from its header `x-death`.
fn reason(properties: &BasicProperties) -> Option<String> {
    let headers = properties.headers().as_ref()?;
    let deaths = headers.inner().get("x-death")?.as_array()?;
    let last = deaths.as_slice().first()?.as_field_table()?;
    let reason = last.inner().get("reason")?.as_long_string()?;
    Some(reason.to_string())
}

/// The orders about which a program has published a message that is not persistent: RabbitMQ loses it
/// when it starts again.
pub fn transient(wire: &Proxy) -> BTreeSet<u32> {
    let frames = wire.frames();
    let published = frames.iter().filter(|frame| frame.kind == PUBLISH);
    let published = published.filter_map(|frame| frame.amqp());
    let transient = published.filter(|fields| fields.delivery_mode != Some(PERSISTENT));
    transient
        .flat_map(|fields| orders(&fields.payload))
        .collect()
}

/// The messages that somebody has been given in these frames, and has not acknowledged or refused:
/// each as the connection, the channel and the tag of its delivery.
pub fn unacknowledged<'a>(
    frames: impl IntoIterator<Item = &'a Frame>,
) -> BTreeSet<(u32, u16, u64)> {
    let delivered = [DELIVER, GET_OK];
    let done = [ACK, NACK, REJECT];
    let mut left = BTreeSet::new();
    for frame in frames {
        let Some(fields) = frame.amqp() else {
            continue;
        };
        let Some(tag) = fields.delivery_tag else {
            continue;
        };
        let (connection, channel) = (frame.connection, fields.channel);
        if delivered.contains(&frame.kind) && !fields.no_ack {
            left.insert((connection, channel, tag));
        } else if done.contains(&frame.kind) {
            // With `multiple` the tag 0 stands for all.
            let to = if tag == 0 { u64::MAX } else { tag };
            let from = if fields.multiple { 0 } else { tag };
            left.retain(|(its, of, tag)| {
                (*its, *of) != (connection, channel) || !(from..=to).contains(tag)
            });
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wire::amqp::{self, CONFIRM};
    use wire::{Fields, Kind, Way};

    use super::*;

    /// The tags of connection 1, channel 1 that are left after these frames.
    fn left(frames: &[(Kind, u32, u64, bool)]) -> Vec<u64> {
        let frames: Vec<Frame> = frames
            .iter()
            .map(|(kind, connection, tag, multiple)| {
                let fields = amqp::Fields {
                    channel: 1,
                    delivery_tag: Some(*tag),
                    multiple: *multiple,
                    ..amqp::Fields::default()
                };
                Frame {
                    at: Duration::ZERO,
                    connection: *connection,
                    way: Way::ToBroker,
                    kind: *kind,
                    fields: Fields::Amqp(Box::new(fields)),
                }
            })
            .collect();
        let left = unacknowledged(&frames).into_iter();
        let own = left.filter(|(connection, channel, _)| (*connection, *channel) == (1, 1));
        own.map(|(_, _, tag)| tag).collect()
    }

    const THREE: [(Kind, u32, u64, bool); 3] = [
        (DELIVER, 1, 1, false),
        (DELIVER, 1, 2, false),
        (GET_OK, 1, 3, false),
    ];

    fn after(frame: (Kind, u32, u64, bool)) -> Vec<u64> {
        left(&[&THREE[..], &[frame]].concat())
    }

    #[test]
    fn what_is_acknowledged_or_refused_is_not_left() {
        assert_eq!(left(&THREE), [1, 2, 3]);
        for kind in [ACK, NACK, REJECT] {
            assert_eq!(after((kind, 1, 2, false)), [1, 3]);
        }
    }

    #[test]
    fn one_acknowledgement_may_be_for_several() {
        assert_eq!(after((ACK, 1, 2, true)), [3]);
        assert_eq!(after((ACK, 1, 0, true)), [0; 0]);
    }

    #[test]
    fn what_is_said_elsewhere_acknowledges_nothing() {
        assert_eq!(after((ACK, 2, 2, false)), [1, 2, 3]);
        assert_eq!(after((CONFIRM, 1, 2, true)), [1, 2, 3]);
    }
}
