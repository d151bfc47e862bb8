//! `book/glossary.toml`: the terms of the pages, in a sentence each.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::Catalog;
use crate::files::read;

/// A term, and what each broker calls it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// What it means, in a sentence or two.
    pub says: String,
    /// NATS's word for it, where it has one.
    pub nats: Option<String>,
    /// RabbitMQ's word for it, where it has one.
    pub rabbitmq: Option<String>,
    /// Kafka's word for it, where it has one.
    pub kafka: Option<String>,
}

impl Term {
    /// The brokers' words, in the order of the book; `None` where a broker has none.
    pub fn words(&self) -> [(&'static str, Option<&str>); 3] {
        [
            ("NATS", self.nats.as_deref()),
            ("RabbitMQ", self.rabbitmq.as_deref()),
            ("Kafka", self.kafka.as_deref()),
        ]
    }
}

impl Catalog {
    /// The glossary, by term. Empty where the file does not exist.
    ///
    /// # Errors
    /// When the file is malformed.
    pub fn glossary(&self) -> Result<BTreeMap<String, Term>> {
        let path = self.root.join("book/glossary.toml");
        if !path.is_file() {
            return Ok(BTreeMap::new());
        }
        toml::from_str(&read(&self.root, &path)?)
            .with_context(|| format!("{} is malformed", self.shown(&path)))
    }
}
