//! The scene: six orders are published, and a fault strikes before the fourth.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, Result};
use async_nats::jetstream::Context;
use async_nats::jetstream::stream;
use async_nats::{Client, ConnectOptions};
use history::{Event, Verb};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::{Publisher, Story};

const ORDERS: u32 = 6;
const FAULT_BEFORE: u32 = 4;
/// How long to wait for NATS before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);

/// What happens to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing
    None,
    /// It stands still, is killed, and is started again
    Kill,
}

// ANCHOR: nats
/// A server of the test's own, to which the test can do something.
pub trait Nats {
    /// Its address, which stays the same.
    fn address(&self) -> &str;
    /// It stands still: connections stay open, and nothing answers.
    fn pause(&mut self) -> impl Future<Output = Result<()>>;
    /// It is killed, and what it has not read from its connections is gone.
    fn kill(&mut self) -> impl Future<Output = Result<()>>;
    /// It is started again: the same address, the same data.
    fn start(&mut self) -> impl Future<Output = Result<()>>;
}
// ANCHOR_END: nats

impl Nats for brokers::Broker {
    fn address(&self) -> &str {
        self.url()
    }

    async fn pause(&mut self) -> Result<()> {
        Ok(self.pause().await?)
    }

    async fn kill(&mut self) -> Result<()> {
        Ok(self.kill().await?)
    }

    async fn start(&mut self) -> Result<()> {
        Ok(self.restart().await?)
    }
}

/// Plays it, and gives the orders that are in the stream at the end.
///
/// # Errors
/// When something else than the fault goes wrong.
pub async fn play(
    nats: &mut impl Nats,
    publisher: Publisher,
    fault: Fault,
    story: &Story,
) -> Result<Vec<u32>> {
    let client = connect(nats.address()).await?;
    let context = async_nats::jetstream::new(client.clone());
    // Only what the fault can strike is asked with little patience.
    let mut hasty = context.clone();
    hasty.set_timeout(Duration::from_secs(1));
    let config = stream::Config {
        name: "SHOP".to_owned(),
        subjects: vec!["order.>".to_owned()],
        ..Default::default()
    };
    let mut stream = context.create_stream(config).await?;
    // ANCHOR: play
    for order in 1..FAULT_BEFORE {
        publisher.publish(&context, order, story).await?;
    }
    let rest = async {
        for order in FAULT_BEFORE..=ORDERS {
            publisher.publish(&hasty, order, story).await?;
        }
        Ok(())
    };
    match fault {
        Fault::None => rest.await?,
        Fault::Kill => {
            // Three orders are stored, and how many are on their way when it strikes?
            let stored = async {
                while stream.info().await?.state.messages < 3 {}
                anyhow::Ok(())
            };
            let stored = timeout(PATIENCE, stored).await;
            stored.context("three orders are not stored")??;
            let sent = written(&client) + publisher.sends_unanswered();
            nats.pause().await?;
            story.remark("nats", "stands still");
            tokio::try_join!(rest, strike(nats, &client, sent, story))?;
        }
    }
    // ANCHOR_END: play
    read_back(nats.address(), story).await
}

async fn connect(address: &str) -> Result<Client> {
    let options = ConnectOptions::new().reconnect_delay_callback(|_| Duration::from_millis(20));
    let client = options.connect(address).await;
    client.context("cannot connect to NATS")
}

/// How many messages the client has sent.
fn written(client: &Client) -> u64 {
    client.statistics().out_messages.load(Ordering::Relaxed)
}

// ANCHOR: strike
/// Kills the server when the client has sent so much, and starts it again.
async fn strike(nats: &mut impl Nats, client: &Client, sent: u64, story: &Story) -> Result<()> {
    let all_sent = async {
        while written(client) < sent {
            yield_now().await;
        }
        // It is in the server's socket now, and the server stands still.
        client.flush().await
    };
    timeout(PATIENCE, all_sent)
        .await
        .context("nothing is sent")??;
    nats.kill().await?;
    story.remark("nats", "is killed");
    nats.start().await?;
    story.remark("nats", "is back");
    Ok(())
}
// ANCHOR_END: strike

/// Reads the stream with another client.
async fn read_back(address: &str, story: &Story) -> Result<Vec<u32>> {
    let context: Context = async_nats::jetstream::new(connect(address).await?);
    let mut stream = context.get_stream("SHOP").await?;
    let state = &stream.info().await?.state;
    let (first, last) = (state.first_sequence, state.last_sequence);
    let mut orders = Vec::new();
    for sequence in first..=last {
        let message = stream.get_raw_message(sequence).await?;
        let body = std::str::from_utf8(&message.payload)?;
        let order = body.strip_prefix("o-").context("not an order")?.parse()?;
        story.event(Event::new("inventory", Verb::Got, order));
        orders.push(order);
    }
    Ok(orders)
}
