//! A worker: takes orders from the queue, charges each at the bank, acknowledges it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use history::{Event, Verb};
use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::shop::order_of;
use crate::{QUEUE, SLOW, connect};

/// A worker with a connection of its own, as if it were a process on another machine.
pub struct Worker {
    connection: Connection,
    channel: Channel,
    name: String,
    work: JoinHandle<Result<()>>,
}

impl Worker {
    /// Starts to consume. The broker knows of this worker when this returns.
    pub async fn join(
        url: &str,
        number: u32,
        prefetch: u16,
        bank: watch::Receiver<bool>,
        said: mpsc::Sender<Event>,
    ) -> Result<Worker> {
        let name = format!("worker {number}");
        let connection = connect(url, &name).await?;
        let channel = connection.create_channel().await?;
        // ANCHOR: consume
        // Before `basic_consume`: the limit goes to the consumers that come after it on this
        // channel. Without this line, or with 0, there is none.
        let qos = BasicQosOptions::default();
        channel.basic_qos(prefetch, qos).await?;
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let tag = name.as_str().into();
        let consumer = channel.basic_consume(QUEUE.into(), tag, options, arguments);
        let orders = consumer.await.context("the broker has no such queue")?;
        // ANCHOR_END: consume
        let work = tokio::spawn(work(orders, name.clone(), bank, said));
        Ok(Worker {
            connection,
            channel,
            name,
            work,
        })
    }

    /// Takes no more orders, finishes those that are here, and says goodbye.
    pub async fn leave(self) -> Result<()> {
        let cancel = BasicCancelOptions::default();
        self.channel
            .basic_cancel(self.name.as_str().into(), cancel)
            .await?;
        self.work.await??;
        self.connection
            .close(200, "the worker goes home".into())
            .await?;
        Ok(())
    }
}

// ANCHOR: work
async fn work(
    mut orders: Consumer,
    lane: String,
    mut bank: watch::Receiver<bool>,
    said: mpsc::Sender<Event>,
) -> Result<()> {
    while let Some(delivery) = orders.next().await {
        let delivery = delivery?;
        let order = order_of(&delivery.data)?;
        said.send(Event::new(&lane, Verb::Got, order)).await?;
        if order <= SLOW {
            // The bank takes its time with the first two orders.
            bank.wait_for(|answers| *answers).await?;
        } else {
            // This sleep is the work: the bank charges the card.
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        // Only this makes room for the next order under the limit.
        let sent = delivery.ack(BasicAckOptions::default()).await?;
        ensure!(sent, "the channel closed before the acknowledgement");
        said.send(Event::new(&lane, Verb::Done, order)).await?;
    }
    Ok(())
}
// ANCHOR_END: work
