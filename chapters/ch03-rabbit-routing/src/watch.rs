//! What the listing looks at when all is published.

use anyhow::{Context, Result};
use history::{Event, Log, Verb};
use lapin::Channel;
use lapin::options::BasicGetOptions;

/// All that is in a queue: number and routing key. `basic_get` is for a look like this one; a
/// service that works consumes.
pub async fn take(channel: &Channel, queue: &str) -> Result<Vec<(u32, String)>> {
    let mut taken = Vec::new();
    let options = BasicGetOptions { no_ack: true };
    while let Some(message) = channel.basic_get(queue.into(), options).await? {
        let body = std::str::from_utf8(&message.data)?;
        let order = body.strip_prefix("o-").context("not an order")?.parse()?;
        taken.push((order, message.routing_key.to_string()));
    }
    Ok(taken)
}

/// What the strip is about: does anybody hear of the event?
pub fn judged(log: &Log) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for event in log.events() {
        let mut event = event.clone();
        if event.verb == Verb::Got {
            event.verb = Verb::Done;
            let heard = |it: &Event| it.verb == Verb::Done && it.message == event.message;
            if events.iter().any(heard) {
                continue;
            }
        }
        events.push(event);
    }
    events
}
