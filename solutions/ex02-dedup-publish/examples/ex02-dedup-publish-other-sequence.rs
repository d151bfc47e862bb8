//! Right, and unlike the solution: no ids. Nobody else publishes, so the service says after which
//! message of the stream an order belongs, and the stream refuses it anywhere else.

use std::time::Duration;

use anyhow::{Context, Result};
use async_nats::jetstream;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol02-dedup-publish`, which starts this program";
    let client = async_nats::connect(std::env::var("NATS_URL").context(ask)?).await?;
    let mut jetstream = jetstream::new(client);
    jetstream.set_timeout(Duration::from_secs(1));
    let mut last = jetstream.get_stream("SHOP").await?;
    let mut last = last.info().await?.state.last_sequence;
    for order in std::io::stdin().lines() {
        let order = order?;
        loop {
            let message = PublishMessage::build()
                .expected_last_sequence(last)
                .payload(order.clone().into());
            let sent = jetstream.send_publish("order.created", message).await?;
            match sent.await.map_err(|error| error.kind()) {
                // The place is taken: by this order, whose PubAck has not come.
                Ok(_) | Err(PublishErrorKind::WrongLastSequence) => break,
                Err(_) => {}
            }
        }
        last += 1;
    }
    Ok(())
}
