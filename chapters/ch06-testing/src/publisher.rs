//! What is tested: the orders service publishes an order.

use std::time::Duration;

use anyhow::{Context as _, Result};
use async_nats::jetstream::Context;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use history::{Event, Verb};
use tokio::time::sleep;

use crate::Story;

const SUBJECT: &str = "order.created";
/// How often the careful one tries.
const ATTEMPTS: u32 = 10;
/// How long it waits after the first attempt; one more of these after each other one. Many publishers
/// need dice, too: see the page on retries.
const WAIT: Duration = Duration::from_millis(200);

/// How the orders service publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publisher {
    /// It hands the order to the client, and that is that
    Hopeful,
    /// It waits for the server's answer, and publishes again if none comes
    Careful,
}

impl Publisher {
    /// How many of three orders it sends while no answer comes.
    pub fn sends_unanswered(self) -> u64 {
        match self {
            Publisher::Hopeful => 3,
            Publisher::Careful => 1,
        }
    }

    /// Publishes an order.
    ///
    /// # Errors
    /// When the client does not take it, or the careful one is refused, or has no answer after its
    /// last attempt.
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
    let mut attempt = 1;
    loop {
        // The id stays the same, so the server stores the order once however often it comes.
        let message = PublishMessage::build().payload(body.clone().into());
        let sent = nats.send_publish(SUBJECT, message.message_id(&body));
        let Err(error) = sent.await?.await else {
            story.event(Event::new("nats", Verb::Stored, order));
            return Ok(());
        };
        // The server says no; or it says nothing, and nobody knows whether the order is stored.
        if attempt == ATTEMPTS || !is_silence(error.kind()) {
            return Err(error).with_context(|| format!("o-{order}, attempt {attempt}"));
        }
        if attempt == 1 {
            let failed = Event::new("orders", Verb::Failed, order);
            story.event(failed.text("no answer, tries again"));
        }
        // This sleep is a pause for the server, which has other work: to come back.
        sleep(WAIT * attempt).await;
        attempt += 1;
    }
}
// ANCHOR_END: careful

/// Nothing came in time, or no stream answers yet. All else is the server's word, and would be
/// the same the next time.
fn is_silence(error: PublishErrorKind) -> bool {
    use PublishErrorKind::{BrokenPipe, StreamNotFound, TimedOut};
    matches!(error, TimedOut | BrokenPipe | StreamNotFound)
}
