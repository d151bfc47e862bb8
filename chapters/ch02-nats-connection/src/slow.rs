//! A subscriber that does not read in time.

use anyhow::Result;
use async_nats::Event as Told;
use brokers::Broker;
use futures_util::StreamExt;
use history::Log;

use crate::service::{connect, round_trip};
use crate::{SHORT, publish, work};

// ANCHOR: slow
/// Six events come, and email looks at none of them until the last one is here.
pub async fn trade(room: usize, nats: &Broker, log: &mut Log) -> Result<()> {
    let mut orders = connect(nats.url(), "orders", SHORT, room).await?;
    let mut email = connect(nats.url(), "email", SHORT, room).await?;
    let mut created = email.client.subscribe("order.created").await?;
    round_trip(&email.client).await?;
    publish(&orders.client, 1..=6, log).await?;
    round_trip(&orders.client).await?;
    // When this answer is here, each event has come to email's client, which keeps it or drops it.
    round_trip(&email.client).await?;
    for service in [&mut orders, &mut email] {
        service.client.drain().await?;
        service.until(Told::Closed, log).await?;
    }
    // What the client has kept is still there when its connection has ended.
    while let Some(message) = created.next().await {
        work(&message, log)?;
    }
    Ok(())
}
// ANCHOR_END: slow
