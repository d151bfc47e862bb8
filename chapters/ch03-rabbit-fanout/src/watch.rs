//! What the listing needs to see: what the services say, and what waits for one that is away.

use std::time::Duration;

use anyhow::{Context, Result};
use history::{Event, Log, Verb};
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ErrorKind};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// What the broker answers about a queue that is not there, and about another connection's own.
const NOT_FOUND: u16 = 404;
const RESOURCE_LOCKED: u16 = 405;
/// How long to wait for the services before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);

/// Records what the services say, `times` times.
pub async fn hear(heard: &mut mpsc::Receiver<Event>, log: &mut Log, times: u32) -> Result<()> {
    for _ in 0..times {
        let event = timeout(PATIENCE, heard.recv()).await;
        let event = event.context("a service says nothing")?;
        log.event(event.context("no service is left")?);
    }
    Ok(())
}

/// How many orders wait in the queue of a service that has stopped; 0 where it is gone.
pub async fn kept(connection: &Connection, queue: &str) -> Result<u32> {
    loop {
        // A refusal closes the channel that asked, so each question has its own.
        let channel = connection.create_channel().await?;
        let passive = QueueDeclareOptions::default().passive();
        let asked = channel.queue_declare(queue.into(), passive, FieldTable::default());
        let refused = match asked.await {
            Ok(queue) => return Ok(queue.message_count()),
            Err(error) => error,
        };
        match refused.kind() {
            ErrorKind::ProtocolError(why) if why.get_id() == NOT_FOUND => return Ok(0),
            // Still the closed connection's own: the broker has not come to it yet.
            ErrorKind::ProtocolError(why) if why.get_id() == RESOURCE_LOCKED => {}
            _ => return Err(refused.into()),
        }
    }
}

/// What the strip is about: what the broker stored, and what inventory got of it.
pub fn judged(event: &Event) -> Option<Event> {
    let mut event = event.clone();
    match (event.lane.as_str(), event.verb) {
        ("rabbit", _) => {}
        ("inventory", Verb::Got) => event.verb = Verb::Done,
        _ => return None,
    }
    Some(event)
}

/// `o-3` is order 3.
pub fn order_of(body: &[u8]) -> Result<u32> {
    let body = std::str::from_utf8(body)?;
    let number = body.strip_prefix("o-").context("not an order")?;
    Ok(number.parse()?)
}
