//! What the tests of the claims talk to: the broker as the newest recorded run met it, and the
//! client that is locked.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Deserialize;

use crate::chapter::CLIENTS;
use crate::files::read;
use crate::{Catalog, ClaimId, Version};

/// What the tests of one broker's claims run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The broker of the newest recorded run. `cargo test` runs claims and recorded runs on the
    /// same broker.
    pub broker: Version,
    /// The client that Cargo.lock gives the tests, such as `lapin 4.12.3`.
    pub client: String,
    /// The day of that run, `YYYY-MM-DD`.
    pub date: String,
}

/// A recorded run without its lines and frames.
#[derive(Deserialize)]
struct Head {
    broker: Option<Version>,
    date: String,
}

impl ClaimId {
    /// The broker that the claim is about, as a recorded run names it.
    pub fn broker(&self) -> &'static str {
        match self.as_str().split('.').next() {
            Some("nats") => "NATS",
            Some("rabbit") => "RabbitMQ",
            Some("kafka") => "Kafka",
            _ => "",
        }
    }
}

impl Catalog {
    /// What the tests of the claims run on, by the broker's name.
    ///
    /// # Errors
    /// When a recorded run or Cargo.lock cannot be read, or Cargo.lock lacks a client.
    pub fn verified(&self) -> Result<BTreeMap<String, Verified>> {
        let mut newest: BTreeMap<String, Head> = BTreeMap::new();
        for chapter in self.chapters() {
            for name in chapter.transcripts()? {
                let path = self.transcript_path(&chapter.id, &name)?;
                let path = path.with_extension("run.json");
                if !path.is_file() {
                    continue;
                }
                // A malformed one is told where it is shown.
                let Ok(head) = serde_json::from_str::<Head>(&read(&self.root, &path)?) else {
                    continue;
                };
                let Some(broker) = &head.broker else {
                    continue;
                };
                let known = newest.get(&broker.name);
                if known.is_none_or(|known| known.date < head.date) {
                    newest.insert(broker.name.clone(), head);
                }
            }
        }
        let mut verified = BTreeMap::new();
        for (client, name) in CLIENTS {
            let Some((name, Head { broker, date })) = newest.remove_entry(name) else {
                continue;
            };
            let Some(broker) = broker else { continue };
            let client = self.locked(client)?;
            let these = Verified {
                broker,
                client,
                date,
            };
            verified.insert(name, these);
        }
        Ok(verified)
    }
}
