//! Right, and unlike the solution: it fetches what is there, and gives each result an id by which the
//! stream knows it again.

use anyhow::{Context, Error, Result};
use async_nats::jetstream;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::message::PublishMessage;
use futures_util::StreamExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol02-ack-after-work`, which starts this program";
    let client = async_nats::connect(std::env::var("NATS_URL").context(ask)?).await?;
    let jetstream = jetstream::new(client);
    let stream = jetstream.get_stream("SHOP").await?;
    let payments = stream.get_consumer("payments").await;
    let payments: PullConsumer = payments.map_err(Error::from_boxed)?;
    loop {
        let mut charges = payments.batch().max_messages(2).messages().await?;
        while let Some(charge) = charges.next().await {
            let charge = charge.map_err(Error::from_boxed)?;
            let result = PublishMessage::build()
                .message_id(String::from_utf8_lossy(&charge.payload))
                .payload(charge.payload.clone());
            let sent = jetstream.send_publish("payment.processed", result).await?;
            sent.await?;
            charge.ack().await.map_err(Error::from_boxed)?;
        }
    }
}
