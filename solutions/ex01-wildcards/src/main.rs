//! Three services: each passes on what it gets.

use anyhow::{Context, Result};
use async_nats::Subscriber;
use futures_util::StreamExt;

/// What this service subscribes to: `email`, `analytics` or `eu`.
fn subjects(service: &str) -> &'static [&'static str] {
    match service {
        // One token more, whichever it is.
        "email" => &["order.*"],
        // One token more, or several.
        "analytics" => &["order.>"],
        // `>` does not stand for nothing, so the first one is needed; and it matches no subject that
        // the second one matches, so nothing comes twice.
        "eu" => &["*.*.eu", "*.*.eu.>"],
        _ => &[],
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol01-wildcards`, which starts this program";
    let client = async_nats::connect(std::env::var("NATS_URL").context(ask)?).await?;
    let mut subscribed: Vec<(&str, Subscriber)> = Vec::new();
    for service in ["email", "analytics", "eu"] {
        for subject in subjects(service) {
            subscribed.push((service, client.subscribe(*subject).await?));
        }
    }
    // The shop opens when it gets this, and answers when it has closed. By then all that was sent to
    // the subscriptions is here.
    client.request("shop.open", "".into()).await?;
    for (service, mut events) in subscribed {
        events.unsubscribe().await?;
        while let Some(event) = events.next().await {
            client
                .publish(format!("got.{service}"), event.payload)
                .await?;
        }
    }
    client.request("shop.end", "".into()).await?;
    Ok(())
}
