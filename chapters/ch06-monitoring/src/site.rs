//! What the scene needs of a broker.

use std::time::Duration;

use anyhow::{Context, Result};

/// How long to wait for a broker before that is an error.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A broker with its client, as the orders and the inventory service use it.
pub trait Site: Sized {
    /// The broker's lane.
    const LANE: &'static str;

    /// Publishes an order, and returns when the broker says that it is stored.
    async fn store(&mut self, order: u32) -> Result<()>;

    /// Takes so many orders from the broker.
    async fn take(&mut self, count: usize) -> Result<Vec<u32>>;

    /// Tells the broker that an order is done.
    async fn done(&mut self, order: u32) -> Result<()>;

    /// Gets an order once more that was taken, and with it what the broker sends along.
    async fn again(&mut self, order: u32) -> Result<Vec<u32>>;

    /// Reads the broker's own numbers.
    async fn scrape(&mut self) -> Result<Scrape>;

    /// Takes away what was made, and ends.
    async fn close(self) -> Result<()>;
}

/// What was read from a broker.
pub struct Scrape {
    /// As Prometheus reads it.
    pub text: String,
    /// How many orders wait, by the number that is called depth, pending or lag.
    pub depth: i64,
    /// How many orders are with consumers, as far as the broker knows.
    pub held: i64,
    /// How far the work has come, as far as the broker knows. It only grows.
    pub finished: i64,
}

/// `o-3` is order 3.
pub fn order_of(body: &[u8]) -> Result<u32> {
    let body = std::str::from_utf8(body)?;
    let number = body.strip_prefix("o-").context("not an order")?;
    Ok(number.parse()?)
}
