//! A service that subscribes: it hears what is published while it listens, and nothing else.

use std::sync::Arc;

use anyhow::Result;
use async_nats::{Client, Subscriber};
use futures_util::StreamExt;
use history::{Event, Verb};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use crate::publisher::{event_type, order_of};
use crate::{connect, drain, round_trip};

/// A service that listens, with a connection of its own.
pub struct Service {
    client: Client,
    closed: Arc<Notify>,
    listening: JoinHandle<Result<()>>,
}

impl Service {
    /// Subscribes, and returns when the server knows of it.
    pub async fn open(
        url: &str,
        name: &'static str,
        subject: String,
        lines: mpsc::Sender<String>,
    ) -> Result<Service> {
        let (client, closed) = connect(url, name).await?;
        // ANCHOR: subscribe
        let messages = client.subscribe(subject).await?;
        // `Ok` says: the subscription waits in this client. What others publish before the server
        // has it goes past us, so wait until it has.
        round_trip(&client).await?;
        // ANCHOR_END: subscribe
        let listening = tokio::spawn(listen(name, messages, lines));
        Ok(Service {
            client,
            closed,
            listening,
        })
    }

    /// Ends the service once it has dealt with all that the server has for it.
    pub async fn close(self) -> Result<()> {
        // ANCHOR: leave
        // Everything for us comes before the answer. `drain` alone waits for no answer of the
        // server, and what is still on the wire would be lost.
        round_trip(&self.client).await?;
        drain(&self.client, &self.closed).await?;
        // The stream of messages ends now. What came before that is worked on first.
        self.listening.await?
        // ANCHOR_END: leave
    }
}

async fn listen(name: &str, mut messages: Subscriber, lines: mpsc::Sender<String>) -> Result<()> {
    while let Some(message) = messages.next().await {
        let order = order_of(&message.payload)?;
        let got = Event::new(name, Verb::Got, order).text(event_type(&message.subject));
        lines.send(got.to_string()).await?;
        if name == "inventory" {
            let done = Event::new(name, Verb::Done, order).text("stock.reserved");
            lines.send(done.to_string()).await?;
        }
    }
    Ok(())
}
