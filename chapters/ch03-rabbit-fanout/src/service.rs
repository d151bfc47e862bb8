//! A service that hears of orders: its queue, bound to the exchange, and its consumer.

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use history::{Event, Verb};
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, Consumer};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::args::Queue;
use crate::watch::order_of;
use crate::{EXCHANGE, connect};

/// A service that runs.
pub struct Service {
    name: &'static str,
    kind: Queue,
    queue: String,
    connection: Connection,
    channel: Channel,
    work: JoinHandle<Result<()>>,
}

impl Service {
    /// Starts it: when this returns, its queue gets what is published.
    pub async fn start(
        url: &str,
        name: &'static str,
        kind: Queue,
        said: mpsc::Sender<Event>,
    ) -> Result<Service> {
        let connection = connect(url, name).await?;
        let channel = connection.create_channel().await?;
        let queue = declare(&channel, name, kind).await?;
        // ANCHOR: bind
        let (own, none) = (queue.as_str(), FieldTable::default());
        // A fanout exchange looks at no routing key, so the binding has none.
        let (key, options) = ("".into(), QueueBindOptions::default());
        let bound = channel.queue_bind(own.into(), EXCHANGE.into(), key, options, none.clone());
        bound.await.context("there is no such exchange")?;
        let options = BasicConsumeOptions::default();
        let consumer = channel.basic_consume(own.into(), name.into(), options, none);
        // ANCHOR_END: bind
        let work = tokio::spawn(work(consumer.await?, name, said));
        Ok(Service {
            name,
            kind,
            queue,
            connection,
            channel,
            work,
        })
    }

    /// Stops it: no new orders, the last ones finished, the connection closed. Gives the name of
    /// its queue, which may be gone now.
    pub async fn stop(self) -> Result<String> {
        // ANCHOR: stop
        let (queue, none) = (self.queue.as_str(), FieldTable::default());
        if self.kind == Queue::Exclusive {
            // This queue goes with the connection. What is published while it goes can make the
            // broker refuse the order, so the exchange forgets the queue first.
            let exchange = EXCHANGE.into();
            let unbound = self
                .channel
                .queue_unbind(queue.into(), exchange, "".into(), none);
            unbound.await?;
        }
        // No new orders after this; those that are here already are still finished.
        let cancel = BasicCancelOptions::default();
        self.channel.basic_cancel(self.name.into(), cancel).await?;
        self.work.await??;
        let goodbye = self.connection.close(200, "the service stops".into());
        goodbye.await?;
        // ANCHOR_END: stop
        Ok(self.queue)
    }
}

/// The queue in which a service's orders wait for it.
pub fn queue_of(service: &str) -> String {
    format!("{service}.order.created")
}

// ANCHOR: queue
async fn declare(channel: &Channel, service: &str, kind: Queue) -> Result<String> {
    let (mut name, mut arguments) = (queue_of(service), FieldTable::default());
    let options = match kind {
        Queue::Durable => {
            let quorum = AMQPValue::LongString("quorum".into());
            arguments.insert("x-queue-type".into(), quorum);
            QueueDeclareOptions::durable()
        }
        Queue::Exclusive => {
            // Without a name of ours the broker makes one up. Nobody else needs to know it.
            name.clear();
            QueueDeclareOptions::exclusive()
        }
    };
    let declared = channel.queue_declare(name.into(), options, arguments);
    let declared = declared.await.context("cannot declare the queue")?;
    Ok(declared.name().to_string())
}
// ANCHOR_END: queue

async fn work(mut orders: Consumer, name: &'static str, said: mpsc::Sender<Event>) -> Result<()> {
    while let Some(delivery) = orders.next().await {
        let delivery = delivery?;
        let order = order_of(&delivery.data)?;
        let sent = delivery.ack(BasicAckOptions::default()).await?;
        ensure!(sent, "the channel closed before the acknowledgement");
        said.send(Event::new(name, Verb::Got, order)).await?;
    }
    Ok(())
}
