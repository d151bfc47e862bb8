//! The payments service: takes an order, charges it and acknowledges it, in one order or the other.

use std::path::Path;
use std::pin::pin;

use anyhow::{Context, Result, bail, ensure};
use futures_util::StreamExt;
use history::{Event, Log, Verb};
use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::*;
use lapin::types::FieldTable;

use crate::args::{Args, Crash, Promise};
use crate::bank::Bank;
use crate::{QUEUE, connect};

/// What payments says where it waits to be killed.
pub const STANDS_STILL: &str = "payments  stands still";

/// Consumes orders until the shop closes this process's standard input.
pub async fn serve(args: &Args, bank: &Path) -> Result<()> {
    let url = std::env::var("AMQP_URL").context("the shop starts payments")?;
    let connection = connect(&url, "payments").await?;
    let channel = connection.create_channel().await?;
    // The three orders come at once and wait here. What is not acknowledged when this process dies
    // goes back, also what it has not looked at.
    channel.basic_qos(10, BasicQosOptions::default()).await?;
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = channel.basic_consume(QUEUE.into(), "payments".into(), options, arguments);
    let mut orders = consumer.await?;
    let mut payments = Payments {
        channel,
        bank: Bank::at(bank),
        promise: args.delivery,
        crash: args.crash,
        log: Log::new(),
    };
    let mut parent_gone = pin!(brokers::parent_gone());
    loop {
        let delivery = tokio::select! {
            delivery = orders.next() => delivery,
            () = &mut parent_gone => break,
        };
        let delivery = delivery.context("the broker cancelled the consumer: is the queue gone?")?;
        payments.handle(delivery?).await?;
    }
    connection.close(200, "payments closes".into()).await?;
    Ok(())
}

struct Payments {
    channel: Channel,
    bank: Bank,
    promise: Promise,
    crash: Crash,
    log: Log,
}

impl Payments {
    // ANCHOR: handle
    async fn handle(&mut self, delivery: Delivery) -> Result<()> {
        let order = order_of(&delivery.data)?;
        let mut got = Event::new("payments", Verb::Got, order);
        if delivery.redelivered {
            got = got.text("redelivered");
        }
        self.log.event(got);
        // `reach` stands still where the shop is to kill this process. Elsewhere it does nothing.
        self.reach(Crash::Before, order).await?;
        if self.promise == Promise::AtMostOnce {
            // The broker forgets the order here, before anything was done for it.
            self.acknowledge(&delivery, order).await?;
            self.reach(Crash::Between, order).await?;
            self.charge(order)?;
        } else {
            self.charge(order)?;
            self.reach(Crash::Between, order).await?;
            // The broker keeps the order up to here, whatever was done for it.
            self.acknowledge(&delivery, order).await?;
        }
        Ok(())
    }
    // ANCHOR_END: handle

    // ANCHOR: charge
    fn charge(&mut self, order: u32) -> Result<()> {
        if self.promise != Promise::EffectivelyOnce {
            self.bank.charge(order)?;
        } else if !self.bank.charge_once(&format!("charge-o-{order}"))? {
            let text = format!("the bank knows charge-o-{order}");
            self.log.remark("payments", &text);
            return Ok(());
        }
        let done = Event::new("payments", Verb::Done, order);
        self.log.event(done.text("charged"));
        Ok(())
    }
    // ANCHOR_END: charge

    async fn acknowledge(&mut self, delivery: &Delivery, order: u32) -> Result<()> {
        let sent = delivery.ack(BasicAckOptions::default()).await?;
        ensure!(sent, "the channel closed before the acknowledgement");
        // `ack` returns before anything is sent, and the broker answers no acknowledgement. It
        // answers this, and takes what a channel sends in its order. A service needs no such
        // question; this scene does, to be killed after the acknowledgement and not beside it.
        let (passive, none) = (
            QueueDeclareOptions::default().passive(),
            FieldTable::default(),
        );
        self.channel
            .queue_declare(QUEUE.into(), passive, none)
            .await?;
        let text = format!("acknowledges o-{order}");
        self.log.remark("payments", &text);
        Ok(())
    }

    /// Goes on, or stands still for its end.
    async fn reach(&mut self, place: Crash, order: u32) -> Result<()> {
        if place != self.crash || order != 2 {
            return Ok(());
        }
        self.log.remark("payments", "stands still");
        brokers::parent_gone().await;
        bail!("the shop is gone")
    }
}

/// `o-3` is order 3.
fn order_of(body: &[u8]) -> Result<u32> {
    let body = std::str::from_utf8(body)?;
    let number = body.strip_prefix("o-").context("not an order")?;
    Ok(number.parse()?)
}
