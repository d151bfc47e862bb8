//! The names that this run uses on the broker: not there before it, and not after it.

use anyhow::Result;
use brokers::Broker;
use lapin::Channel;
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};

use crate::interest::{INTERESTS, Interest};
use crate::{EXCHANGE, UNROUTED};

const EXCHANGES: [&str; 2] = [EXCHANGE, UNROUTED];

fn queues() -> impl Iterator<Item = String> {
    let services = INTERESTS.iter().map(Interest::queue);
    services.chain([UNROUTED.to_owned()])
}

/// Fails where one of them is somebody else's.
pub async fn claim(rabbit: &Broker) -> Result<()> {
    for exchange in EXCHANGES {
        rabbit.claim_exchange(exchange).await?;
    }
    for queue in queues() {
        rabbit.claim_queue(&queue).await?;
    }
    Ok(())
}

/// Deletes them, with all that is in them.
pub async fn remove(channel: &Channel) -> Result<()> {
    for exchange in EXCHANGES {
        let delete = ExchangeDeleteOptions::default();
        channel.exchange_delete(exchange.into(), delete).await?;
    }
    for queue in queues() {
        let delete = QueueDeleteOptions::default();
        channel.queue_delete(queue.into(), delete).await?;
    }
    Ok(())
}
