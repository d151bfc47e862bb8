//! A member of the queue group: takes charges as they come, until it is told to leave.

use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, Result};
use async_nats::{Client, Subscriber};
use futures_util::StreamExt;
use history::{Event, Log, Verb};
use tokio::time::sleep;

use crate::{connect, order_of, round_trip};

/// How long the bank takes to charge a card.
const WORK: Duration = Duration::from_millis(200);

/// Works until the shop closes this process's standard input.
pub async fn work(number: u32, subject: String, presence: String, stands_at: u32) -> Result<()> {
    let lane = format!("worker {number}");
    let url = std::env::var("NATS_URL").context("the shop starts its workers")?;
    let client = connect(&url, &lane).await?;
    // For the shop alone, which wants to know when this connection is gone.
    let _presence = client.subscribe(presence).await?;
    // ANCHOR: join
    // A group is nothing but this name on several subscriptions. There is nothing to declare, and
    // no place where an order could wait for the first member.
    let mut orders = client.queue_subscribe(subject, "payments".into()).await?;
    // From this answer on, the server deals orders to this member as well.
    round_trip(&client).await?;
    // ANCHOR_END: join
    let mut log = Log::new();
    log.remark(&lane, "joins the group");
    let (mut told_to_leave, mut leaving) = (pin!(brokers::parent_gone()), false);
    loop {
        let message = tokio::select! {
            message = orders.next() => message,
            () = &mut told_to_leave, if !leaving => {
                leaving = true;
                leave(&client, &mut orders).await?;
                log.remark(&lane, "leaves the group");
                continue;
            }
        };
        let Some(message) = message else { break };
        let order = order_of(&message.payload)?;
        log.event(Event::new(&lane, Verb::Got, order));
        // At this one the shop sends the member away: until then its bank does not answer.
        let work = if order == stands_at { WORK * 300 } else { WORK };
        tokio::select! {
            // This sleep is the work: the bank charges the card.
            () = sleep(work) => {}
            () = &mut told_to_leave, if !leaving => {
                leaving = true;
                leave(&client, &mut orders).await?;
                log.remark(&lane, "leaves the group");
                // This sleep is the rest of the work: the bank answers.
                sleep(WORK).await;
            }
        }
        log.event(Event::new(&lane, Verb::Done, order));
    }
    // Nothing waits in this client, which has published nothing since its round trip. Else a `flush`
    // stands here, a `drain`, and the wait for `Closed`.
    Ok(())
}

// ANCHOR: leave
/// Returns when the server deals nothing more to this member. Its stream still has what was dealt
/// to it before, and ends after that.
async fn leave(client: &Client, orders: &mut Subscriber) -> Result<()> {
    // All that was dealt to us so far comes before this answer. `drain` alone does not wait for
    // what is on the wire, and would lose it.
    round_trip(client).await?;
    // What the server deals to us between the answer and this line is the gap that remains.
    orders.drain().await?;
    round_trip(client).await
}
// ANCHOR_END: leave
