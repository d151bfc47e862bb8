//! What is tested: the orders service publishes an order.

use anyhow::Result;
use async_nats::jetstream::Context;
use async_nats::jetstream::message::PublishMessage;
use history::{Event, Verb};

use crate::Story;

const SUBJECT: &str = "order.created";

/// How the orders service publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publisher {
    /// It hands the order to the client, and that is that
    Hopeful,
    /// It waits for the server's answer, and publishes again if none comes
    Careful,
}

impl Publisher {
    /// Publishes an order.
    ///
    /// # Errors
    /// When the client does not take it.
    pub async fn publish(self, nats: &Context, order: u32, story: &Story) -> Result<()> {
        match self {
            Publisher::Hopeful => hopeful(nats, order, story).await,
            Publisher::Careful => careful(nats, order, story).await,
        }
    }
}

// ANCHOR: hopeful
async fn hopeful(nats: &Context, order: u32, story: &Story) -> Result<()> {
    let body = format!("o-{order}");
    let _answer = nats.publish(SUBJECT, body.into()).await?;
    story.event(Event::new("orders", Verb::Sent, order));
    Ok(())
}
// ANCHOR_END: hopeful

// ANCHOR: careful
async fn careful(nats: &Context, order: u32, story: &Story) -> Result<()> {
    let body = format!("o-{order}");
    story.event(Event::new("orders", Verb::Sent, order));
    let mut attempts = 0;
    loop {
        // The id stays the same, so the server stores the order once however often it comes.
        let message = PublishMessage::build().payload(body.clone().into());
        let sent = nats
            .send_publish(SUBJECT, message.message_id(&body))
            .await?;
        // The answer, or an error after a second: nobody knows then whether the order is stored.
        if sent.await.is_ok() {
            break;
        }
        attempts += 1;
        if attempts == 1 {
            story.remark(
                "orders",
                &format!("has no answer for o-{order}, tries again"),
            );
        }
    }
    story.event(Event::new("nats", Verb::Stored, order));
    Ok(())
}
// ANCHOR_END: careful
