//! Naive: what has no PubAck is not stored, so it is sent again.

use anyhow::{Context, Result};
use async_nats::jetstream;

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol02-dedup-publish`, which starts this program";
    let client = async_nats::connect(std::env::var("NATS_URL").context(ask)?).await?;
    let jetstream = jetstream::new(client);
    for order in std::io::stdin().lines() {
        let order = order?;
        loop {
            let body = order.clone().into();
            let sent = jetstream.publish("order.created", body).await?;
            match sent.await {
                Ok(_) => break,
                Err(error) => eprintln!("{order}: {error}, again"),
            }
        }
    }
    Ok(())
}
