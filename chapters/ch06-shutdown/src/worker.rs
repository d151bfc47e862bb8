//! A worker: charges an order, writes the receipt, acknowledges; and leaves when it is asked to.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use history::{Event, Log, Verb};
use lapin::Connection;
use lapin::message::Delivery;
use lapin::options::*;
use lapin::types::FieldTable;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::args::{Ack, Args, Exit};
use crate::{QUEUE, connect};

/// How many orders a worker holds, one in work and two that wait.
const PREFETCH: u16 = 3;
const RECEIPT: Duration = Duration::from_millis(200);

/// Consumes orders until it is asked to end, which is at the order `last`.
pub async fn work(args: &Args, number: u32, last: u32) -> Result<()> {
    let lane = format!("worker {number}");
    let url = std::env::var("AMQP_URL").context("the shop starts its workers")?;
    let connection = connect(&url, &lane).await?;
    let channel = connection.create_channel().await?;
    let options = BasicConsumeOptions {
        no_ack: args.ack == Ack::Auto,
        ..Default::default()
    };
    if !options.no_ack {
        let qos = BasicQosOptions::default();
        channel.basic_qos(PREFETCH, qos).await?;
    }
    let tag = lane.as_str();
    let consumer = channel.basic_consume(QUEUE.into(), tag.into(), options, FieldTable::default());
    let mut orders = consumer.await?;
    let mut bench = Bench {
        log: Log::new(),
        lane: lane.clone(),
        ack: args.ack,
        last,
        left: Rc::new(Notify::new()),
    };
    let left = bench.left.clone();
    let is_leaving = Cell::new(false);
    // ANCHOR: leave
    let leave = async {
        asked_to_end(args.exit).await;
        is_leaving.set(true);
        if args.exit == Exit::CloseFirst {
            close(&connection).await?;
        } else {
            // The broker sends no more. What this worker holds it still may acknowledge.
            let cancel = BasicCancelOptions::default();
            channel.basic_cancel(tag.into(), cancel).await?;
        }
        left.notify_one();
        // It is the work that ends the worker.
        pending().await
    };
    // ANCHOR_END: leave
    // ANCHOR: work
    let work = async {
        while let Some(delivery) = orders.next().await {
            // An error is the last word of a channel that breaks: it says why, so hand it on.
            let delivery = delivery.context("the channel is closed")?;
            if is_leaving.get() && args.ack == Ack::Manual {
                bench.give_back(delivery).await?;
            } else {
                bench.handle(delivery).await?;
            }
        }
        // The stream ends when the broker has confirmed the cancel. It also ends when the broker
        // cancels, and then nobody here wanted to leave.
        ensure!(is_leaving.get(), "no more orders come: is the queue gone?");
        close(&connection).await
    };
    tokio::select! {
        // First, so that the signal is listened for before the first order is taken.
        biased;
        failed = leave => failed,
        left = work => left,
    }
    // ANCHOR_END: work
}

/// Returns when the process is asked to end: by SIGTERM, or by the end of the shop.
async fn asked_to_end(exit: Exit) {
    if exit == Exit::AtOnce {
        // Nobody listens for the signal, so the operating system ends the process.
        return brokers::parent_gone().await;
    }
    tokio::select! {
        () = brokers::interrupted() => {}
        () = brokers::parent_gone() => {}
    }
}

async fn close(connection: &Connection) -> Result<()> {
    if connection.status().connected() {
        // The broker answers when it has read all that was sent before, acknowledgements included.
        connection.close(200, "the worker leaves".into()).await?;
    }
    Ok(())
}

struct Bench {
    log: Log,
    lane: String,
    ack: Ack,
    last: u32,
    /// The broker knows that this worker leaves.
    left: Rc<Notify>,
}

impl Bench {
    // ANCHOR: handle
    async fn handle(&mut self, delivery: Delivery) -> Result<()> {
        let order = order_of(&delivery.data)?;
        let mut got = Event::new(&self.lane, Verb::Got, order);
        if delivery.redelivered {
            got = got.text("redelivered");
        }
        self.log.event(got);
        let charged = Event::new(&self.lane, Verb::Done, order).text("charged");
        self.log.event(charged);
        if order == self.last {
            // At this one the worker is asked to end. However late it hears, the work is not done.
            self.left.notified().await;
        }
        // The rest of the work: the receipt is written.
        sleep(RECEIPT).await;
        if self.ack == Ack::Manual {
            let acknowledged = delivery.ack(BasicAckOptions::default()).await;
            let word = match acknowledged {
                Ok(true) => "acknowledges",
                _ => "cannot acknowledge",
            };
            self.says(&format!("{word} o-{order}"));
        }
        Ok(())
    }
    // ANCHOR_END: handle

    // ANCHOR: give-back
    async fn give_back(&mut self, delivery: Delivery) -> Result<()> {
        let order = order_of(&delivery.data)?;
        // Not begun, so another worker may have it now and not at the end of this process.
        let requeue = BasicNackOptions {
            requeue: true,
            ..Default::default()
        };
        if delivery.nack(requeue).await? {
            self.log.event(Event::new(&self.lane, Verb::Back, order));
        } else {
            self.says(&format!("cannot give back o-{order}"));
        }
        Ok(())
    }
    // ANCHOR_END: give-back

    fn says(&mut self, text: &str) {
        self.log.remark(&self.lane, text);
    }
}

/// `o-3` is order 3.
fn order_of(body: &[u8]) -> Result<u32> {
    let body = std::str::from_utf8(body)?;
    let number = body.strip_prefix("o-").context("not an order")?;
    Ok(number.parse()?)
}
