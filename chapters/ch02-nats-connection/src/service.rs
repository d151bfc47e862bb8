//! A service's connection, and what its client tells of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_nats::{Client, ConnectOptions, Event as Told, RequestErrorKind};
use history::Log;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::PATIENCE;

/// A service, its connection, and what the client tells of it.
pub struct Service {
    name: &'static str,
    pub client: Client,
    told: mpsc::UnboundedReceiver<Told>,
}

// ANCHOR: connect
/// Connects a service. Before each further attempt it waits so many milliseconds.
pub async fn connect(url: &str, name: &'static str, wait: u64, room: usize) -> Result<Service> {
    let (tell, told) = mpsc::unbounded_channel();
    let options = ConnectOptions::new()
        .name(name)
        // Without this it is 0 ms, then 2 ms, 4 ms, up to 4 s, and the same for every client, so
        // that all of them come back together.
        .reconnect_delay_callback(later(wait))
        // How many messages wait for a subscription that does not read.
        .subscription_capacity(room)
        .event_callback(move |event| {
            // Nothing else tells of a lost connection or a dropped message: no call fails.
            let _ = tell.send(event);
            async {}
        });
    let client = options.connect(url).await;
    let client = client.context("cannot connect to NATS")?;
    Ok(Service { name, client, told })
}
// ANCHOR_END: connect

/// The wait before each attempt but the first of all, for which the client asks too.
fn later(milliseconds: u64) -> impl Fn(usize) -> Duration + Send + Sync + 'static {
    let tried = AtomicBool::new(false);
    move |_attempt| match tried.swap(true, Ordering::Relaxed) {
        true => Duration::from_millis(milliseconds),
        false => Duration::ZERO,
    }
}

impl Service {
    /// Waits until the client tells this, and records each message that it has dropped till then.
    /// Attempts that fail are told as well, and passed over.
    pub async fn until(&mut self, wanted: Told, log: &mut Log) -> Result<()> {
        loop {
            let told = timeout(PATIENCE, self.told.recv()).await?;
            let told = told.context("the client has ended")?;
            if told == wanted || matches!(told, Told::SlowConsumer(_)) {
                log.remark(self.name, &format!("is told: {told}"));
            }
            if told == wanted {
                return Ok(());
            }
        }
    }
}

/// Returns when the server has dealt with all that this connection wrote before.
pub async fn round_trip(client: &Client) -> Result<()> {
    match client.request(client.new_inbox(), "".into()).await {
        Err(error) if error.kind() == RequestErrorKind::NoResponders => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => bail!("somebody answers in our inbox"),
    }
}
