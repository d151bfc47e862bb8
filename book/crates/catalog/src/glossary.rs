//! `book/glossary/*.toml`: the terms of the pages, in a sentence each.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::Catalog;
use crate::files::{below, read};

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
    /// The glossary, by term. Empty where there is none.
    ///
    /// # Errors
    /// When a file is malformed, or two of them explain one term.
    pub fn glossary(&self) -> Result<BTreeMap<String, Term>> {
        let mut terms = BTreeMap::new();
        let mut places: BTreeMap<String, PathBuf> = BTreeMap::new();
        for path in below(&self.root, &self.root.join("book/glossary"), ".toml")? {
            let file: BTreeMap<String, Term> = toml::from_str(&read(&self.root, &path)?)
                .with_context(|| format!("{} is malformed", self.shown(&path)))?;
            for (name, term) in file {
                if let Some(other) = places.insert(name.clone(), path.clone()) {
                    bail!(
                        "{}: `{name}` stands in {} as well; remove one of them",
                        self.shown(&path),
                        self.shown(&other)
                    );
                }
                terms.insert(name, term);
            }
        }
        Ok(terms)
    }
}
