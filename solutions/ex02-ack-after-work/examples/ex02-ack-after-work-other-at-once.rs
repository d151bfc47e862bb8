//! Right, and unlike the solution: four charges are at work at the same time, and each
//! acknowledgement is confirmed.

use anyhow::{Context as _, Error, Result};
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{self, Message};
use futures_util::TryStreamExt;

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol02-ack-after-work`, which starts this program";
    let client = async_nats::connect(std::env::var("NATS_URL").context(ask)?).await?;
    let jetstream = jetstream::new(client);
    let payments: PullConsumer = jetstream
        .get_consumer_from_stream("payments", "SHOP")
        .await?;
    let charges = payments
        .stream()
        .max_messages_per_batch(4)
        .messages()
        .await?;
    let work = |charge: Message| {
        let jetstream = &jetstream;
        async move {
            let body = charge.payload.clone();
            let sent = jetstream.publish("payment.processed", body).await;
            sent.map_err(Error::from)?.await.map_err(Error::from)?;
            charge.double_ack().await.map_err(Error::from_boxed)
        }
    };
    charges
        .map_err(Error::from)
        .try_for_each_concurrent(4, work)
        .await
}
