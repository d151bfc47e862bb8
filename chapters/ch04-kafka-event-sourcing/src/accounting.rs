//! The accounting service: it folds events to a state, and keeps snapshots of that.

use std::time::SystemTime;

use anyhow::{Context, Result};
use history::Log;
use rdkafka::Message;
use rdkafka::message::OwnedMessage;
use serde::{Deserialize, Serialize};

use crate::args::Note;
use crate::log::Client;
use crate::state::{Event, State, What};

/// The service. As JSON it is its own snapshot.
#[derive(Default, Serialize, Deserialize)]
pub struct Accounting {
    state: State,
    /// The offset of the first event that the state does not know yet.
    pub next: i64,
    #[serde(skip)]
    folded: u32,
}

impl Accounting {
    /// One event more.
    pub fn apply(&mut self, record: &OwnedMessage, log: &mut Log) -> Result<()> {
        let body = record.payload().context("an event is empty")?;
        let event: Event = serde_json::from_slice(body)?;
        if let Some(odd) = self.state.apply(event) {
            log.remark("accounting", &odd);
        }
        self.next = record.offset() + 1;
        self.folded += 1;
        Ok(())
    }

    // ANCHOR: save
    /// Stores a snapshot: the state and the offset, in one record, so that both fit together.
    pub async fn save(
        &self,
        note: Note,
        client: &Client,
        topic: &str,
        log: &mut Log,
    ) -> Result<()> {
        let next = match note {
            Note::Next => self.next,
            Note::Last => self.next - 1,
        };
        let snapshot = serde_json::json!({ "state": self.state, "next": next }).to_string();
        let now = i64::try_from(SystemTime::UNIX_EPOCH.elapsed()?.as_millis())?;
        // The key is whose snapshot it is: that of partition 0 of the events.
        client.store(topic, "orders-0", &snapshot, now).await?;
        log.remark(
            "accounting",
            &format!("saves a snapshot that notes offset {next}"),
        );
        Ok(())
    }
    // ANCHOR_END: save

    /// The last snapshot, or a service that knows nothing.
    pub async fn load(client: &Client, topic: &str, log: &mut Log) -> Result<Accounting> {
        let snapshots = client.read(topic, 0).await?;
        let Some(last) = snapshots.last() else {
            return Ok(Accounting::default());
        };
        let snapshot = last.payload().context("a snapshot is empty")?;
        let accounting: Accounting = serde_json::from_slice(snapshot)?;
        log.remark(
            "accounting",
            &format!("loads a snapshot that notes offset {}", accounting.next),
        );
        Ok(accounting)
    }

    /// The orders whose payments are in the sum, each as often as it was added.
    pub fn counted(self) -> Vec<u32> {
        self.state.counted
    }

    /// Tells the state.
    pub fn tell(&self, log: &mut Log) {
        log.remark("accounting", &format!("folds {} events", self.folded));
        let count = |what: fn(&What) -> bool| {
            let orders = self.state.orders.values();
            orders.filter(|order| what(order)).count()
        };
        let open = count(|what| matches!(what, What::Created));
        let paid = count(|what| matches!(what, What::Paid(_)));
        let shipped = count(|what| matches!(what, What::Shipped));
        let orders = format!("{open} open, {paid} paid, {shipped} shipped");
        log.remark(
            "accounting",
            &format!("has {} EUR, orders: {orders}", self.state.paid),
        );
    }
}
