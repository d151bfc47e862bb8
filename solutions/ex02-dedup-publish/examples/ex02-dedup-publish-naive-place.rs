//! Naive: each order has its place in the input, which no other has and which stays the same in each try.

use anyhow::{Context, Result};
use async_nats::jetstream;
use async_nats::jetstream::message::PublishMessage;

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol02-dedup-publish`, which starts this program";
    let client = async_nats::connect(std::env::var("NATS_URL").context(ask)?).await?;
    let jetstream = jetstream::new(client);
    for (place, order) in std::io::stdin().lines().enumerate() {
        let order = order?;
        loop {
            // The first order is 0, the second one is 1.
            let message = PublishMessage::build()
                .message_id(place.to_string())
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
