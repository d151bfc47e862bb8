//! The orders service: saves an order, and tells the others.

use std::path::Path;

use anyhow::{Context, Result, bail};
use history::{Event, Log, Verb};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation};
use rusqlite::Connection;

use crate::args::{Args, KillAt, Way};
use crate::database::{mark, open, put_in_outbox, save, waiting};
use crate::{EXCHANGE, KEY, ORDERS, connect};

/// What the service says where it waits to be killed.
pub const STANDS_STILL: &str = "orders  stands still";

/// Takes the orders from `from` on, one after the other.
pub async fn serve(args: &Args, path: &Path, from: u32) -> Result<()> {
    let url = std::env::var("AMQP_URL").context("the shop starts the orders service")?;
    let connection = connect(&url, "orders").await?;
    let channel = connection.create_channel().await?;
    let confirms = ConfirmSelectOptions::default();
    channel.confirm_select(confirms).await?;
    let mut orders = Orders {
        database: open(path)?,
        channel,
        scene: Scene {
            log: Log::new(),
            kill_at: args.kill_at,
        },
    };
    // What the process before this one saved and did not get round to publish.
    orders.relay().await?;
    for order in from..=ORDERS {
        match args.way {
            Way::Outbox => {
                orders.save_with_event(order).await?;
                orders.relay().await?;
            }
            Way::SaveFirst => orders.save_first(order).await?,
            Way::PublishFirst => orders.publish_first(order).await?,
            Way::MarkFirst => {
                orders.save_with_event(order).await?;
                orders.mark_first().await?;
            }
        }
    }
    connection.close(200, "orders closes".into()).await?;
    Ok(())
}

struct Orders {
    database: Connection,
    channel: Channel,
    scene: Scene,
}

impl Orders {
    // ANCHOR: save
    async fn save_with_event(&mut self, order: u32) -> Result<()> {
        let transaction = self.database.transaction()?;
        save(&transaction, order)?;
        // A row, not a message: the broker is not needed here, and may be down.
        put_in_outbox(&transaction, order)?;
        // `reach` stands still where the shop is to kill this process. Elsewhere it does nothing.
        self.scene.reach(KillAt::Commit, order).await?;
        transaction.commit()?;
        self.scene.saved(order);
        Ok(())
    }
    // ANCHOR_END: save

    // ANCHOR: relay
    async fn relay(&mut self) -> Result<()> {
        for event in waiting(&self.database)? {
            self.scene.reach(KillAt::Publish, event.order).await?;
            self.publish(event.order).await?;
            self.scene.reach(KillAt::Mark, event.order).await?;
            // Only now. A relay that dies before this line publishes the event once more.
            mark(&self.database, &event)?;
        }
        Ok(())
    }
    // ANCHOR_END: relay

    // ANCHOR: publish
    async fn publish(&mut self, order: u32) -> Result<()> {
        // The same id each time: by it the consumer's inbox knows a second copy.
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_message_id(format!("created-o-{order}").into());
        // Without `mandatory` an event that no queue takes is confirmed all the same.
        let options = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        let (exchange, key, body) = (EXCHANGE.into(), KEY.into(), format!("o-{order}"));
        let sent = self
            .channel
            .basic_publish(exchange, key, options, body.as_bytes(), properties);
        match sent.await?.await? {
            Confirmation::Ack(None) => {}
            refused => bail!("the event of o-{order} is not stored: {refused:?}"),
        }
        self.scene
            .log
            .event(Event::new("rabbit", Verb::Stored, order));
        Ok(())
    }
    // ANCHOR_END: publish

    // ANCHOR: save-first
    async fn save_first(&mut self, order: u32) -> Result<()> {
        self.scene.reach(KillAt::Commit, order).await?;
        save(&self.database, order)?;
        self.scene.saved(order);
        self.scene.reach(KillAt::Publish, order).await?;
        self.publish(order).await
    }
    // ANCHOR_END: save-first

    // ANCHOR: publish-first
    async fn publish_first(&mut self, order: u32) -> Result<()> {
        self.scene.reach(KillAt::Publish, order).await?;
        self.publish(order).await?;
        self.scene.reach(KillAt::Commit, order).await?;
        save(&self.database, order)?;
        self.scene.saved(order);
        Ok(())
    }
    // ANCHOR_END: publish-first

    // ANCHOR: mark-first
    async fn mark_first(&mut self) -> Result<()> {
        for event in waiting(&self.database)? {
            self.scene.reach(KillAt::Mark, event.order).await?;
            mark(&self.database, &event)?;
            self.scene.reach(KillAt::Publish, event.order).await?;
            self.publish(event.order).await?;
        }
        Ok(())
    }
    // ANCHOR_END: mark-first
}

/// What the shop hears, and where the service waits to be killed.
struct Scene {
    log: Log,
    kill_at: KillAt,
}

impl Scene {
    fn saved(&mut self, order: u32) {
        self.log.remark("orders", &format!("saves o-{order}"));
    }

    /// Goes on, or stands still for its end.
    async fn reach(&mut self, step: KillAt, order: u32) -> Result<()> {
        if step != self.kill_at || order != 3 {
            return Ok(());
        }
        self.log.remark("orders", "stands still");
        brokers::parent_gone().await;
        bail!("the shop is gone")
    }
}
