//! The accounting service: looks into the queue of dead letters.

use anyhow::{Context, Result};
use futures_util::StreamExt;
use history::Log;
use lapin::Connection;
use lapin::options::BasicConsumeOptions;
use lapin::types::FieldTable;
use tokio::time::timeout;

use crate::{DEAD, PATIENCE, order_of};

/// Waits for the dead letter, reads why it is one, and leaves it where it is.
pub async fn find(connection: &Connection, log: &mut Log) -> Result<()> {
    let channel = connection.create_channel().await?;
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = channel.basic_consume(DEAD.into(), "accounting".into(), options, none);
    let mut letters = consumer.await?;
    let letter = timeout(PATIENCE, letters.next()).await;
    let letter = letter.context("no dead letter comes")?;
    // ANCHOR: find
    let letter = letter.context("the queue is gone")??;
    let headers = letter.properties.headers().as_ref();
    // `x-death` beside it has the whole story: queue, count, time, and routing keys.
    let reason = headers.and_then(|headers| headers.inner().get("x-last-death-reason"));
    let reason = reason.and_then(|reason| reason.as_long_string());
    let reason = reason.context("no dead letter")?.to_string();
    let order = order_of(&letter.data)?;
    log.remark(
        "accounting",
        &format!("finds o-{order} in {DEAD}: {reason}"),
    );
    // ANCHOR_END: find
    // Without an acknowledgement it stays in the queue.
    channel.close(200, "seen".into()).await?;
    Ok(())
}
