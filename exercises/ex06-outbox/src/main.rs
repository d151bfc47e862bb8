//! The orders service: it saves each order that it reads from its standard input, and publishes an
//! event about it.
#![allow(clippy::todo)]

use anyhow::{Context, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p ex06-outbox`, which starts this program";
    let url = std::env::var("AMQP_URL").context(ask)?;
    let queue = std::env::var("EVENTS_QUEUE").context(ask)?;
    let database = std::env::var("SHOP_DB").context(ask)?;
    let orders: Vec<String> = std::io::stdin().lines().collect::<Result<_, _>>()?;
    todo!("save {orders:?} in {database}, and publish their events to {queue} at {url}")
}
