//! The orders service: it publishes what has happened.

use std::time::SystemTime;

use anyhow::Result;
use history::Log;

use crate::log::Client;
use crate::state::{Event, What};

const DAY: i64 = 86_400_000;
/// What has happened, up to today's first order.
pub const EVENTS: [(u32, What); 10] = [
    (1, What::Created),
    (2, What::Created),
    (1, What::Paid(20)),
    (3, What::Created),
    (1, What::Shipped),
    (2, What::Paid(30)),
    (4, What::Created),
    (3, What::Paid(50)),
    (2, What::Shipped),
    (5, What::Created),
];

/// Publishes all of it. The times are of two days ago, but the last one is of today.
pub async fn publish(client: &Client, topic: &str, log: &mut Log) -> Result<()> {
    let now = i64::try_from(SystemTime::UNIX_EPOCH.elapsed()?.as_millis())?;
    for (order, what) in EVENTS {
        let event = serde_json::to_string(&Event { order, what })?;
        let key = format!("o-{order}");
        let time = if order == 5 { now } else { now - 2 * DAY };
        let offset = client.store(topic, &key, &event, time).await?;
        log.remark("orders", &format!("at offset {offset}: {event}"));
    }
    Ok(())
}
