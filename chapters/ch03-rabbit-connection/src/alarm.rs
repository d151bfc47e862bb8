//! RabbitMQ runs low on disk, and blocks the connections that publish.

use anyhow::{Context, Result};
use futures_util::StreamExt;
use history::Log;
use lapin::Event;

use crate::args::Args;
use crate::fault::Site;
use crate::shop::{consume, declare, finish, receive, work};
use crate::{connect, send, settle};

pub async fn scene(args: &Args, site: &mut Site, log: &mut Log) -> Result<()> {
    // Two connections: what blocks the one that publishes leaves the other one alone.
    let publishing = connect(args, &site.url, "orders").await?;
    let consuming = connect(args, &site.url, "payments").await?;
    let orders = publishing.create_channel().await?;
    let payments = consuming.create_channel().await?;
    declare(&orders).await?;
    orders.confirm_select(Default::default()).await?;
    let mut charges = consume(&payments).await?;
    for order in 1..=2 {
        let sent = send(&orders, order, log).await?;
        settle(&orders, order, sent, log).await?;
    }
    let charge = receive(&mut charges, log).await?;
    // ANCHOR: alarm
    let mut events = publishing.events_listener();
    // Tell RabbitMQ that it needs more free disk than there is.
    let limit = |bytes: &'static str| ["set_disk_free_limit", bytes];
    site.rabbit.control(&limit("1000000GB")).await?;
    let sent = send(&orders, 3, log).await?;
    while let Some(event) = events.next().await {
        if let Event::ConnectionBlocked(reason) = event {
            log.remark("rabbit", &format!("blocks orders: {reason}"));
            break;
        }
    }
    finish(charge, log).await?;
    work(&mut charges, log).await?;
    log.remark("rabbit", "has disk again");
    site.rabbit.control(&limit("50MB")).await?;
    settle(&orders, 3, sent, log).await?;
    // ANCHOR_END: alarm
    work(&mut charges, log).await?;
    publishing.close(200, "orders closes".into()).await?;
    let goodbye = consuming.close(200, "payments closes".into());
    goodbye.await.context("payments cannot close")
}
