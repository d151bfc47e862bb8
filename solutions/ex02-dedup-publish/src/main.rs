//! The orders service: it publishes each order that it reads from its standard input.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_nats::jetstream;
use async_nats::jetstream::message::PublishMessage;

/// How often an order is sent before the service gives up.
const TRIES: u32 = 10;

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol02-dedup-publish`, which starts this program";
    let client = async_nats::connect(std::env::var("NATS_URL").context(ask)?).await?;
    let mut jetstream = jetstream::new(client);
    // The default is 5 s. One that is too short costs a second try, and no second order.
    jetstream.set_timeout(Duration::from_secs(1));
    for order in std::io::stdin().lines() {
        publish(&jetstream, &order?).await?;
    }
    Ok(())
}

/// Returns when the order is stored.
async fn publish(jetstream: &jetstream::Context, order: &str) -> Result<()> {
    for _ in 0..TRIES {
        // Made of what happened, so it is the same in each try, and the stream knows it again.
        let message = PublishMessage::build()
            .message_id(format!("order.created-{order}"))
            .payload(order.to_owned().into());
        let sent = jetstream.send_publish("order.created", message).await?;
        // Without an answer the order may be stored or not. It is sent again either way.
        match sent.await {
            Ok(_) => return Ok(()),
            Err(error) => eprintln!("{order}: {error}"),
        }
    }
    bail!("{order} is not stored after {TRIES} tries");
}
