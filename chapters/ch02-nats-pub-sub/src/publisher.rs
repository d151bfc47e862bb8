//! A publisher: a short process, such as a scheduled job, that publishes and ends.

use anyhow::{Context, Result};
use history::{Event, Log, Verb};

use crate::args::Finish;
use crate::{connect, drain, round_trip};

/// Publishes the events and ends as `finish` says.
pub async fn work(finish: Finish, service: &str, presence: &str, events: &[String]) -> Result<()> {
    let url = std::env::var("NATS_URL").context("the shop starts its publishers")?;
    let (client, closed) = connect(&url, service).await?;
    // For the shop alone, which wants to know when this connection is gone.
    let _presence = client.subscribe(presence.to_owned()).await?;
    round_trip(&client).await?;
    let mut log = Log::new();
    // ANCHOR: publish
    for event in events {
        let (subject, body) = event.split_once(' ').context("no order")?;
        // Each call returns `Ok`. What that says, the run shows.
        client
            .publish(subject.to_owned(), body.to_owned().into())
            .await?;
        let sent = Event::new(service, Verb::Sent, order_of(body.as_bytes())?);
        log.event(sent.text(event_type(subject)));
    }
    // ANCHOR_END: publish
    // ANCHOR: finish
    match finish {
        Finish::Drain => {
            drain(&client, &closed).await?;
            log.remark(service, "has closed its connection");
        }
        Finish::Flush => {
            // Written to the socket, so the kernel delivers it even when this process ends now. That is
            // no receipt: where each event matters, make a round trip instead.
            client.flush().await?;
            log.remark(service, "has flushed");
        }
        // What waits in the client goes with the process.
        Finish::Drop => log.remark(service, "returns from main"),
    }
    // ANCHOR_END: finish
    Ok(())
}

/// `o-3` is order 3.
pub fn order_of(body: &[u8]) -> Result<u32> {
    let body = std::str::from_utf8(body)?;
    let number = body.strip_prefix("o-").context("not an order")?;
    Ok(number.parse()?)
}

/// The last two tokens: on a shared server this run's subjects have its name in front of them.
pub fn event_type(subject: &str) -> &str {
    let dot = subject.rmatch_indices('.').nth(1);
    dot.map_or(subject, |(place, _)| &subject[place + 1..])
}
