//! The day on NATS: a subject for each type of event. The server compares, copies and forgets.

use anyhow::{Context, Result, anyhow, bail};
use async_nats::{Client, RequestErrorKind, Subscriber};
use brokers::Broker;
use futures_util::StreamExt;
use history::{Event, Log, Verb};
use tokio::time::timeout;

use crate::{PATIENCE, Received, Step, order_of};

/// A service that listens: its connection, and what comes over it.
struct Listener {
    service: &'static str,
    pattern: &'static str,
    client: Client,
    events: Subscriber,
}

/// The day, on a server that is stopped at its end.
pub async fn day(day: &[Step], log: &mut Log) -> Result<Vec<Received>> {
    let nats = brokers::nats().await?;
    let outcome = tokio::select! {
        outcome = trade(day, &nats, log) => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    nats.stop().await?;
    outcome
}

async fn trade(day: &[Step], nats: &Broker, log: &mut Log) -> Result<Vec<Received>> {
    let shop = connect(nats).await?;
    let mut listeners = Vec::new();
    for step in day {
        match *step {
            Step::Subscribes(service, pattern) => {
                log.remark(service, &format!("subscribes to {pattern}"));
                listeners.push(subscribe(nats, service, pattern).await?);
            }
            Step::Publishes(service, event, order) => {
                publish(&shop, nats.name(event), order).await?;
                log.event(Event::new(service, Verb::Sent, order).text(event));
            }
        }
    }
    let (mut received, mut copies) = (Vec::new(), 0);
    for listener in listeners {
        let got = listener.close().await?;
        copies += got.events.len();
        received.push(got);
    }
    log.remark("nats", &format!("has sent {copies} copies, keeps none"));
    Ok(received)
}

// ANCHOR: subscribe
async fn subscribe(
    nats: &Broker,
    service: &'static str,
    pattern: &'static str,
) -> Result<Listener> {
    let client = connect(nats).await?;
    // A star stands for one token. The server compares it with the subject of each message.
    let events = client.subscribe(nats.name(pattern)).await?;
    round_trip(&client).await?;
    Ok(Listener {
        service,
        pattern,
        client,
        events,
    })
}
// ANCHOR_END: subscribe

// ANCHOR: publish
async fn publish(client: &Client, subject: String, order: u32) -> Result<()> {
    // The subject is the type of the event, and all that the server looks at.
    client.publish(subject, format!("o-{order}").into()).await?;
    // NATS answers no message. So ask it something: it takes all in order, so it has dealt with the
    // message when the answer comes.
    round_trip(client).await
}
// ANCHOR_END: publish

impl Listener {
    /// Ends the subscription and gives what has come. It lay in this program's memory.
    async fn close(mut self) -> Result<Received> {
        // Everything for us is here when the answer is.
        round_trip(&self.client).await?;
        self.events.unsubscribe().await?;
        let mut events = Vec::new();
        while let Some(message) = self.events.next().await {
            // The last two tokens: on a shared server this run's subjects have its name in front.
            let tokens: Vec<&str> = message.subject.rsplitn(3, '.').take(2).collect();
            let event = format!("{}.{}", tokens[1], tokens[0]);
            events.push((event, order_of(&message.payload)?));
        }
        // Nothing waits in this client, which has published nothing since. It needs no `drain`.
        Ok(Received {
            service: self.service,
            pattern: self.pattern,
            events,
        })
    }
}

async fn connect(nats: &Broker) -> Result<Client> {
    let client = async_nats::connect(nats.url()).await;
    client.context("cannot connect to NATS")
}

/// Returns when the server has dealt with everything that this connection wrote before.
async fn round_trip(client: &Client) -> Result<()> {
    // Nobody listens to a new inbox, a subject of our own for answers, and the server says so.
    let asked = timeout(PATIENCE, client.request(client.new_inbox(), "".into()));
    match asked.await.context("NATS does not answer")? {
        Err(error) if error.kind() == RequestErrorKind::NoResponders => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => bail!("somebody answers in our inbox"),
    }
}
