//! A worker: asks for one order, packs it, acknowledges it, and asks for the next one.

use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail};
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::consumer::pull::Batch;
use async_nats::jetstream::{self, AckKind, Message};
use futures_util::StreamExt;
use history::{Event, Log, Verb};
use tokio::time::{interval, sleep};

use crate::args::{Args, Switch};
use crate::{ACK_WAIT, connect, order_of};

/// This order is large, and takes twice the ack wait to pack.
const LARGE: u32 = 2;

/// Packs orders until the shop closes this process's standard input.
pub async fn work(args: &Args, number: u32, stream: &str) -> Result<()> {
    let lane = format!("worker {number}");
    let url = std::env::var("NATS_URL").context("the shop starts its workers")?;
    let jetstream = jetstream::new(connect(&url, &lane).await?);
    let inventory = jetstream.get_consumer_from_stream("inventory", stream);
    let inventory: PullConsumer = inventory.await?;
    let mut log = Log::new();
    let mut told_to_leave = pin!(brokers::parent_gone());
    let mut orders = ask(&inventory).await?;
    // Any answer of the server would do: it comes after the server has read what was asked before.
    inventory.get_info().await?;
    log.remark(&lane, "asks for orders");
    loop {
        let message = tokio::select! {
            message = orders.next() => message,
            () = &mut told_to_leave => break,
        };
        let Some(message) = message else {
            // The request has expired, or its one order is done.
            orders = ask(&inventory).await?;
            continue;
        };
        let message = message.map_err(Error::from_boxed)?;
        let order = order_of(&message.payload)?;
        let delivered = message.info().map_err(Error::from_boxed)?.delivered;
        let text = if delivered > 1 { "redelivered" } else { "" };
        log.event(Event::new(&lane, Verb::Got, order).text(text));
        pack(args, order, &message).await?;
        log.event(Event::new(&lane, Verb::Done, order));
        // ANCHOR: ack
        // After the work. `ack` would put it into the client's queue, and the next request could
        // overtake it in the server. This waits until the server has it.
        message.double_ack().await.map_err(Error::from_boxed)?;
        // ANCHOR_END: ack
    }
    // Nothing waits in this client: each acknowledgement was confirmed. Else a `flush` stands here, a
    // `drain`, and the wait for `Closed`.
    Ok(())
}

// ANCHOR: pull
/// Asks for one order, as soon as there is one. The server keeps the others for whoever asks next.
async fn ask(inventory: &PullConsumer) -> Result<Batch> {
    let request = inventory.batch().max_messages(1);
    let request = request.expires(Duration::from_secs(30));
    Ok(request.messages().await?)
}
// ANCHOR_END: pull

// ANCHOR: pack
async fn pack(args: &Args, order: u32, message: &Message) -> Result<()> {
    let units = if order == LARGE { 10 } else { 1 };
    // This sleep is the work: somebody puts things into a box.
    let mut packed = pin!(sleep(ACK_WAIT / 5 * units));
    if args.progress == Switch::No {
        packed.await;
        return Ok(());
    }
    // This one is the longest that the work may take: a packer that hangs keeps no order for ever.
    let mut too_long = pin!(sleep(ACK_WAIT * 10));
    let mut tick = interval(ACK_WAIT / 5);
    loop {
        tokio::select! {
            () = &mut packed => return Ok(()),
            // This worker ends, and another one gets the order.
            () = &mut too_long => bail!("packing o-{order} takes too long"),
            // Each one starts the ack wait anew. It says that we are alive, not that we get on.
            _ = tick.tick() => {
                let progress = message.ack_with(AckKind::Progress).await;
                progress.map_err(Error::from_boxed)?;
            }
        }
    }
}
// ANCHOR_END: pack
