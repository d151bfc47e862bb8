//! The payments worker: it charges each order for which a command comes, until it is ended.
#![allow(clippy::todo)]

use anyhow::{Context, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p ex06-inbox`, which starts this program";
    let url = std::env::var("AMQP_URL").context(ask)?;
    let queue = std::env::var("CHARGES_QUEUE").context(ask)?;
    let database = std::env::var("SHOP_DB").context(ask)?;
    todo!("charge the orders of the queue {queue} at {url} in {database}, each exactly once")
}
