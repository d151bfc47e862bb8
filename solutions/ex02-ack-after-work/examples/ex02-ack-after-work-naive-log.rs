//! Naive: an error is logged, and the loop goes on; NATS brings the charge again, as nothing came of it.

use anyhow::{Context as _, Error, Result};
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{self, Context};
use futures_util::StreamExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol02-ack-after-work`, which starts this program";
    let client = async_nats::connect(std::env::var("NATS_URL").context(ask)?).await?;
    let jetstream = jetstream::new(client);
    let payments: PullConsumer = jetstream
        .get_consumer_from_stream("payments", "SHOP")
        .await?;
    let mut charges = payments.messages().await?;
    while let Some(charge) = charges.next().await {
        let charge = charge?;
        let order = String::from_utf8(charge.payload.to_vec())?;
        // One charge that fails must not hold up the others.
        if let Err(error) = process(&jetstream, order).await {
            eprintln!("not processed: {error:#}");
        }
        charge.ack().await.map_err(Error::from_boxed)?;
    }
    Ok(())
}

/// The work on a charge. It is done when the stream has what came of it.
async fn process(jetstream: &Context, order: String) -> Result<()> {
    let sent = jetstream.publish("payment.processed", order.into()).await?;
    sent.await?;
    Ok(())
}
