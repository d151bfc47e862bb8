//! Naive: each message gets an id of its own, as NATS asks for.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use async_nats::jetstream;
use async_nats::jetstream::message::PublishMessage;

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol02-dedup-publish`, which starts this program";
    let client = async_nats::connect(std::env::var("NATS_URL").context(ask)?).await?;
    let jetstream = jetstream::new(client);
    for order in std::io::stdin().lines() {
        let order = order?;
        loop {
            // No other message has this one.
            let id = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
            let message = PublishMessage::build()
                .message_id(id.to_string())
                .payload(order.clone().into());
            let sent = jetstream.send_publish("order.created", message).await?;
            match sent.await {
                Ok(_) => break,
                Err(error) => eprintln!("{order}: {error}, again"),
            }
        }
    }
    Ok(())
}
