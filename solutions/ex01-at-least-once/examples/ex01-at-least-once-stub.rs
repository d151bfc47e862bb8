//! The payments service: it publishes a result for each charge in its queue, until it is ended.
#![allow(clippy::todo)]

use std::env::var;

use anyhow::{Context, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p ex01-at-least-once`, which starts this program";
    let url = var("AMQP_URL").context(ask)?;
    let (charges, results) = (var("CHARGES_QUEUE")?, var("RESULTS_QUEUE")?);
    todo!("at {url}, publish what {charges} has to {results}, and lose nothing")
}
