//! Right, and unlike the solution: all orders are on their way at the same time, and what has no
//! answer goes into the next round.

use anyhow::{Context, Result};
use async_nats::HeaderMap;
use async_nats::jetstream::ContextBuilder;
use futures_util::future::join_all;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol02-dedup-publish`, which starts this program";
    let client = async_nats::connect(std::env::var("NATS_URL").context(ask)?).await?;
    let jetstream = ContextBuilder::new()
        .timeout(Duration::from_secs(2))
        .build(client);
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut orders = Vec::new();
    while let Some(order) = lines.next_line().await? {
        orders.push(order);
    }
    while !orders.is_empty() {
        let sent = orders.into_iter().map(|order: String| {
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Msg-Id", order.as_str());
            let body = order.clone().into();
            let sending = jetstream.publish_with_headers("order.created", headers, body);
            async move {
                let stored = match sending.await {
                    Ok(answer) => answer.await.is_ok(),
                    Err(_) => false,
                };
                (!stored).then_some(order)
            }
        });
        orders = join_all(sent).await.into_iter().flatten().collect();
    }
    Ok(())
}
