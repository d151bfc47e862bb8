//! Right, and unlike the solution: two subscriptions for each, one for every number of tokens, and the
//! program itself leaves out what the service does not want.

use anyhow::{Context, Result};
use async_nats::Subscriber;
use futures_util::StreamExt;

/// Whether this service wants events with this subject.
fn wants(service: &str, subject: &str) -> bool {
    let tokens: Vec<&str> = subject.split('.').collect();
    match service {
        "email" => tokens[0] == "order" && tokens.len() == 2,
        "analytics" => tokens[0] == "order" && tokens.len() > 1,
        _ => tokens.get(2) == Some(&"eu"),
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo test -p sol01-wildcards`, which starts this program";
    let client = async_nats::connect(std::env::var("NATS_URL").context(ask)?).await?;
    let mut subscribed: Vec<(&str, Subscriber)> = Vec::new();
    for service in ["email", "analytics", "eu"] {
        for subject in ["*.*", "*.*.>"] {
            subscribed.push((service, client.subscribe(subject).await?));
        }
    }
    // The shop opens when it gets this, and answers when it has closed. By then all that was sent to
    // the subscriptions is here.
    client.request("shop.open", "".into()).await?;
    for (service, mut events) in subscribed {
        events.unsubscribe().await?;
        while let Some(event) = events.next().await {
            if wants(service, &event.subject) {
                let to = format!("got.{service}");
                client.publish(to, event.payload).await?;
            }
        }
    }
    client.request("shop.end", "".into()).await?;
    Ok(())
}
