//! The payments service: takes an order, charges it, acknowledges it.

use std::path::Path;
use std::pin::pin;

use anyhow::{Context, Result, bail, ensure};
use futures_util::StreamExt;
use history::{Event, Log, Verb};
use lapin::message::Delivery;
use lapin::options::*;
use lapin::types::FieldTable;
use rusqlite::{Connection, TransactionBehavior};

use crate::args::{Args, Inbox, KillAt};
use crate::database::{charge, knows, open, remember};
use crate::{QUEUE, connect};

/// What payments says where it waits to be killed.
pub const STANDS_STILL: &str = "payments  stands still";

/// Consumes orders until the shop closes this process's standard input.
pub async fn serve(args: &Args, path: &Path) -> Result<()> {
    let url = std::env::var("AMQP_URL").context("the shop starts payments")?;
    let connection = connect(&url, "payments").await?;
    let channel = connection.create_channel().await?;
    let qos = BasicQosOptions::default();
    channel.basic_qos(1, qos).await?;
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = channel.basic_consume(QUEUE.into(), "payments".into(), options, arguments);
    let mut orders = consumer.await?;
    let mut payments = Payments {
        database: open(path)?,
        inbox: args.inbox,
        scene: Scene {
            log: Log::new(),
            kill_at: args.kill_at,
        },
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
    database: Connection,
    inbox: Inbox,
    scene: Scene,
}

impl Payments {
    // ANCHOR: handle
    async fn handle(&mut self, delivery: Delivery) -> Result<()> {
        let id = delivery.properties.message_id().as_ref();
        let id = id.context("a message without an id")?.as_str();
        let order = order_of(&delivery.data)?;
        let mut got = Event::new("payments", Verb::Got, order);
        if delivery.redelivered {
            got = got.text("redelivered");
        }
        self.scene.log.event(got);
        let is_new = match self.inbox {
            Inbox::Same => self.one_transaction(id, order).await?,
            Inbox::None => self.no_inbox(order).await?,
            Inbox::IdFirst => self.id_first(id, order).await?,
            Inbox::ChargeFirst => self.charge_first(id, order).await?,
        };
        if !is_new {
            self.scene.says(&format!("knows {id}, charges nothing"));
        }
        self.scene.reach(KillAt::Ack, order).await?;
        // Also where there was nothing to do: otherwise it would come a third time.
        let sent = delivery.ack(BasicAckOptions::default()).await?;
        ensure!(sent, "the channel closed before the acknowledgement");
        self.scene.says(&format!("acknowledges o-{order}"));
        Ok(())
    }
    // ANCHOR_END: handle

    // ANCHOR: same
    async fn one_transaction(&mut self, id: &str, order: u32) -> Result<bool> {
        // Immediate: the write lock first, so that nothing in here can fail for want of it.
        let immediate = TransactionBehavior::Immediate;
        let transaction = self.database.transaction_with_behavior(immediate)?;
        let is_new = remember(&transaction, id)?;
        // `reach` stands still where the shop is to kill this process. Elsewhere it does nothing.
        self.scene.reach(KillAt::Writes, order).await?;
        if is_new {
            charge(&transaction, order)?;
        }
        // Both or neither. A process that ends before this line leaves no trace of the message.
        transaction.commit()?;
        if is_new {
            self.scene.done(order);
        }
        Ok(is_new)
    }
    // ANCHOR_END: same

    async fn no_inbox(&mut self, order: u32) -> Result<bool> {
        charge(&self.database, order)?;
        self.scene.done(order);
        self.scene.reach(KillAt::Writes, order).await?;
        Ok(true)
    }

    // ANCHOR: id-first
    async fn id_first(&mut self, id: &str, order: u32) -> Result<bool> {
        // Outside of a transaction each statement is one of its own: it is committed here.
        let is_new = remember(&self.database, id)?;
        self.scene.reach(KillAt::Writes, order).await?;
        if is_new {
            charge(&self.database, order)?;
            self.scene.done(order);
        }
        Ok(is_new)
    }
    // ANCHOR_END: id-first

    // ANCHOR: charge-first
    async fn charge_first(&mut self, id: &str, order: u32) -> Result<bool> {
        let is_new = !knows(&self.database, id)?;
        if is_new {
            charge(&self.database, order)?;
            self.scene.done(order);
        }
        self.scene.reach(KillAt::Writes, order).await?;
        remember(&self.database, id)?;
        Ok(is_new)
    }
    // ANCHOR_END: charge-first
}

/// What the shop hears, and where payments waits to be killed.
struct Scene {
    log: Log,
    kill_at: KillAt,
}

impl Scene {
    fn says(&mut self, text: &str) {
        self.log.remark("payments", text);
    }

    fn done(&mut self, order: u32) {
        self.log
            .event(Event::new("payments", Verb::Done, order).text("charged"));
    }

    /// Goes on, or stands still for its end.
    async fn reach(&mut self, place: KillAt, order: u32) -> Result<()> {
        if place != self.kill_at || order != 3 {
            return Ok(());
        }
        self.says(STANDS_STILL.trim_start_matches("payments  "));
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
