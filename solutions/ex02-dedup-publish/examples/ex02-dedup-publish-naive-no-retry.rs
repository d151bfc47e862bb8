//! Naive: the client connects again by itself, so the program leaves all repeats to it.

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
        // With the id, so that the client may send it as often as it likes.
        let message = PublishMessage::build()
            .message_id(format!("order.created-{order}"))
            .payload(order.clone().into());
        let sent = jetstream.send_publish("order.created", message).await?;
        if let Err(error) = sent.await {
            eprintln!("{order} has no answer yet: {error}");
        }
    }
    Ok(())
}
