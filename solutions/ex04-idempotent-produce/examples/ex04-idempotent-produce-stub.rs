//! The orders service: it publishes an event for each order that it reads from its standard input.
#![allow(clippy::todo)]

use anyhow::{Context, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p ex04-idempotent-produce`, which starts this program";
    let servers = std::env::var("KAFKA_BOOTSTRAP_SERVERS").context(ask)?;
    let topic = std::env::var("ORDERS_TOPIC").context(ask)?;
    let orders: Vec<String> = std::io::stdin().lines().collect::<Result<_, _>>()?;
    todo!("publish {orders:?} to the topic {topic} of {servers}, each exactly once")
}
