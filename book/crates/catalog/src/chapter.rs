//! A chapter: one folder under `chapters/`, which is one package.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::Catalog;
use crate::files::{entries, read, shown, stems};

/// The broker clients whose version is recorded with a run, each with its broker.
pub(crate) const CLIENTS: [(&str, &str); 3] = [
    ("async-nats", "NATS"),
    ("lapin", "RabbitMQ"),
    ("rdkafka", "Kafka"),
];
/// The brokers that a chapter may ask for.
const BROKERS: [&str; 3] = ["nats", "rabbitmq", "kafka"];

/// One chapter: its folder and what its manifest says under `[package.metadata.book]`.
#[derive(Clone, Debug)]
pub struct Chapter {
    /// The name of the folder, the package and the page, such as `ch03-rabbit-queue`.
    pub id: String,
    /// The folder.
    pub dir: PathBuf,
    /// Who acts in the output, in the order of the canonical form.
    pub lanes: Vec<String>,
    /// The settings a reader may turn, each with its possible values: `ack` has `manual`, `auto`.
    pub knobs: BTreeMap<String, Vec<String>>,
    /// The brokers that the listing needs: `nats`, `rabbitmq`, `kafka`; empty where it needs none.
    pub brokers: Vec<String>,
    /// Recorded runs that the oldest brokers cannot do, each with what it needs: `nack` needs
    /// `RabbitMQ 4.3`.
    pub newer: BTreeMap<String, String>,
    /// The packages that the manifest names under `[dependencies]`.
    pub dependencies: Vec<String>,
    /// The features that the manifest names; a reader gives them to `cargo run`.
    pub features: Vec<String>,
    pub(crate) root: PathBuf,
}

#[derive(Deserialize)]
struct Manifest {
    package: Package,
    #[serde(default)]
    dependencies: BTreeMap<String, toml::Value>,
    #[serde(default)]
    features: BTreeMap<String, toml::Value>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    book: Book,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Book {
    lanes: Vec<String>,
    knobs: BTreeMap<String, Vec<String>>,
    brokers: Vec<String>,
    newer: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
}

/// All chapters, sorted by id.
pub(crate) fn read_all(root: &Path) -> Result<Vec<Chapter>> {
    entries(root, &root.join("chapters"))?
        .into_iter()
        .filter(|path| path.is_dir())
        .map(|dir| read_one(root, dir))
        .collect()
}

fn read_one(root: &Path, dir: PathBuf) -> Result<Chapter> {
    let path = dir.join("Cargo.toml");
    let text = read(root, &path).context("every folder in chapters/ is a package")?;
    let manifest: Manifest =
        toml::from_str(&text).with_context(|| format!("{} is malformed", shown(root, &path)))?;
    let id = dir
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    if manifest.package.name != id {
        bail!(
            "{}: the package is named `{}`, its folder `{id}`; give both the same name",
            shown(root, &path),
            manifest.package.name
        );
    }
    let book = manifest.package.metadata.book;
    if let Some(broker) = book
        .brokers
        .iter()
        .find(|broker| !BROKERS.contains(&broker.as_str()))
    {
        bail!(
            "{}: brokers names `{broker}`; use {}",
            shown(root, &path),
            BROKERS.join(", ")
        );
    }
    Ok(Chapter {
        id,
        dir,
        lanes: book.lanes,
        knobs: book.knobs,
        brokers: book.brokers,
        newer: book.newer,
        dependencies: manifest.dependencies.into_keys().collect(),
        features: manifest.features.into_keys().collect(),
        root: root.to_owned(),
    })
}

impl Chapter {
    /// The names of its recorded transcripts, sorted.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn transcripts(&self) -> Result<Vec<String>> {
        stems(&self.root, &self.dir.join("transcripts"), ".trycmd")
    }

    /// The ids of its predictions, sorted.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn predictions(&self) -> Result<Vec<String>> {
        stems(&self.root, &self.dir.join("predict"), ".toml")
    }
}

impl Catalog {
    /// The client that a chapter is built with for the brokers that a run used, and its version,
    /// such as `lapin 4.12.3`; several are joined by commas, and a run without a broker gives an
    /// empty text.
    ///
    /// # Errors
    /// When there is no such chapter, or Cargo.lock cannot be read or lacks the client.
    pub fn client(&self, chapter: &str, used: &[String]) -> Result<String> {
        let chapter = self.chapter(chapter)?;
        let mut clients = Vec::new();
        for (client, broker) in CLIENTS {
            let is_built = chapter.dependencies.iter().any(|name| name == client);
            if is_built && used.iter().any(|name| name == broker) {
                clients.push(self.locked(client)?);
            }
        }
        Ok(clients.join(", "))
    }

    /// A package and its version in Cargo.lock, such as `lapin 4.12.3`.
    pub(crate) fn locked(&self, package: &str) -> Result<String> {
        let path = self.root.join("Cargo.lock");
        let lock: Lock =
            toml::from_str(&read(&self.root, &path)?).context("Cargo.lock is malformed")?;
        let locked = lock.package.iter().find(|locked| locked.name == package);
        let locked = locked.with_context(|| {
            format!("Cargo.lock lacks {package}; run `cargo build --workspace`")
        })?;
        Ok(format!("{package} {}", locked.version))
    }
}
