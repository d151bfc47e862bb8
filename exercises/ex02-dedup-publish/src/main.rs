//! The orders service: it publishes each order that it reads from its standard input.
#![allow(clippy::todo)]

use anyhow::{Context, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p ex02-dedup-publish`, which starts this program";
    let url = std::env::var("NATS_URL").context(ask)?;
    let orders: Vec<String> = std::io::stdin().lines().collect::<Result<_, _>>()?;
    todo!("publish {orders:?} to the stream SHOP of {url}, each exactly once")
}
