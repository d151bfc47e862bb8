//! `book/settings/BROKER.toml`: the settings that the listings set; and where they set them.

mod scan;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::files::{below, read, stems};
use crate::{Catalog, ClaimId};

/// What the book says of a setting.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// What holds where nobody sets it.
    pub default: String,
    /// What to set in production.
    pub value: String,
    /// Why.
    pub why: String,
    /// The primary source of the default.
    pub source: String,
    /// The claim whose test shows what the setting does, where one does.
    pub claim: Option<ClaimId>,
}

/// The settings by broker (`nats`, `rabbitmq`, `kafka`) and key.
pub type Settings = BTreeMap<String, BTreeMap<String, Setting>>;

/// A place where a listing sets something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SetHere {
    /// Whose setting it is: `nats`, `rabbitmq` or `kafka`.
    pub broker: &'static str,
    /// Its name: `acks`, `x-queue-type`, `stream::Config::max_age`.
    pub key: String,
    /// The value, where it stands there as a literal.
    pub value: Option<String>,
    /// The chapter.
    pub chapter: String,
    /// The file, as seen from the book's top folder.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl Catalog {
    /// What the book says of settings, by broker and key. Empty where there are none.
    ///
    /// # Errors
    /// When a file is malformed.
    pub fn settings(&self) -> Result<Settings> {
        let mut settings = Settings::new();
        let folder = self.root.join("book/settings");
        for broker in stems(&self.root, &folder, ".toml")? {
            let path = folder.join(format!("{broker}.toml"));
            let file = toml::from_str(&read(&self.root, &path)?)
                .with_context(|| format!("{} is malformed", self.shown(&path)))?;
            settings.insert(broker, file);
        }
        Ok(settings)
    }

    /// Every setting that the listings set: what rdkafka's `.set("key", ...)` names, RabbitMQ's
    /// arguments `x-...`, and the fields and methods by which async-nats and lapin take theirs.
    ///
    /// # Errors
    /// When a listing cannot be read or is not Rust.
    pub fn settings_set(&self) -> Result<Vec<SetHere>> {
        let mut set = Vec::new();
        for chapter in &self.chapters {
            for path in below(&self.root, &chapter.dir.join("src"), ".rs")? {
                let shown = self.shown(&path);
                let found = scan::scan(&read(&self.root, &path)?)
                    .map_err(|error| anyhow::anyhow!("{shown}: {error}"))?;
                let used = found
                    .into_iter()
                    .filter(|found| chapter.brokers.iter().any(|broker| broker == found.broker));
                set.extend(used.map(|found| SetHere {
                    broker: found.broker,
                    key: found.key,
                    value: found.value,
                    chapter: chapter.id.clone(),
                    path: PathBuf::from(&shown),
                    line: found.line,
                }));
            }
        }
        set.sort();
        Ok(set)
    }
}
