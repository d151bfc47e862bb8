//! The queue, as on the page on the work queue.

use anyhow::{Context, Result};
use lapin::Channel;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};

use crate::QUEUE;

/// A quorum queue.
pub async fn declare(channel: &Channel) -> Result<()> {
    let mut arguments = FieldTable::default();
    let quorum = AMQPValue::LongString("quorum".into());
    arguments.insert("x-queue-type".into(), quorum);
    let options = QueueDeclareOptions::durable();
    let declared = channel.queue_declare(QUEUE.into(), options, arguments);
    declared.await.context("cannot declare the queue")?;
    Ok(())
}

/// Returns once the broker has seen that payments is gone, and has taken back what it held.
pub async fn nobody_consumes(channel: &Channel) -> Result<()> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..Default::default()
    };
    let look = || channel.queue_declare(QUEUE.into(), passive, FieldTable::default());
    while look().await?.consumer_count() > 0 {}
    Ok(())
}
