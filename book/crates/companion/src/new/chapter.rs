//! Writes the files of a new chapter.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use brokers::Kind;
use catalog::Catalog;

use super::name::Name;
use super::summary;

const ARGS: &str = include_str!("templates/args.rs");
const MANIFEST: &str = include_str!("templates/manifest.toml");
const PAGE: &str = include_str!("templates/page.md");

/// What differs from broker to broker.
struct Model {
    main: &'static str,
    client: &'static str,
    lanes: [&'static str; 3],
    anchors: &'static [&'static str],
}

fn model(kind: Kind) -> Model {
    match kind {
        Kind::Nats => Model {
            main: include_str!("templates/nats.rs"),
            client: "async-nats",
            lanes: ["shop", "nats", "worker 1"],
            anchors: &["connect", "subscribe", "publish", "receive", "shutdown"],
        },
        Kind::RabbitMq => Model {
            main: include_str!("templates/rabbit.rs"),
            client: "lapin",
            lanes: ["shop", "rabbit", "worker 1"],
            anchors: &["connect", "topology", "publish", "consume", "shutdown"],
        },
        Kind::Kafka => Model {
            main: include_str!("templates/kafka.rs"),
            client: "rdkafka",
            lanes: ["shop", "kafka", "worker 1"],
            anchors: &["connect", "topology", "publish", "consume", "shutdown"],
        },
    }
}

/// Makes the chapter and gives the files, as seen from the top folder. Either all of them
/// are made or none.
pub fn create(catalog: &Catalog, name: &Name) -> Result<Vec<String>> {
    let id = name.id();
    let folder = catalog.root().join("chapters").join(&id);
    let page = catalog.pages_dir().join(format!("{id}.md"));
    let summary = catalog.pages_dir().join("SUMMARY.md");
    for taken in [&folder, &page] {
        if taken.exists() {
            bail!(
                "{} exists already; choose another topic",
                catalog.shown(taken)
            );
        }
    }
    let old = fs::read_to_string(&summary).context("cannot read book/src/SUMMARY.md")?;
    ensure!(
        !old.contains(&format!("({id}.md)")),
        "book/src/SUMMARY.md lists {id}.md already, which does not exist; remove that line first"
    );
    let mut made = Made::default();
    for (path, text) in files(name) {
        made.file(&folder, &folder.join(path), &text)?;
    }
    made.file(&page, &page, &fill(name, PAGE))?;
    let new = summary::with_page(&old, &name.chapter(), &id, &name.title());
    fs::write(&summary, new).context("cannot write book/src/SUMMARY.md")?;
    let files = made.keep();
    Ok(files
        .iter()
        .chain([&summary])
        .map(|path| catalog.shown(path))
        .collect())
}

/// The files in the chapter's folder.
fn files(name: &Name) -> [(&'static str, String); 4] {
    let command = format!("```console\n$ cargo run -p {}\n```\n", name.id());
    [
        ("Cargo.toml", fill(name, MANIFEST)),
        ("src/main.rs", fill(name, model(name.kind).main)),
        ("src/args.rs", fill(name, ARGS)),
        ("transcripts/default.trycmd", command),
    ]
}

/// A template with its words filled in.
fn fill(name: &Name, template: &str) -> String {
    let (id, model) = (name.id(), model(name.kind));
    let mut dependencies = [
        "anyhow",
        "brokers",
        "clap",
        "futures-util",
        "history",
        "tokio",
        model.client,
    ];
    dependencies.sort_unstable();
    let is_used = |name: &&str| model.main.contains(&name.replace('-', "_"));
    let dependencies: Vec<String> = dependencies
        .iter()
        .filter(|name| is_used(name))
        .map(|name| format!("{name}.workspace = true"))
        .collect();
    let listings: Vec<String> = model
        .anchors
        .iter()
        .map(|anchor| format!("{{{{#listing {id}#{anchor}}}}}"))
        .collect();
    template
        .replace("CHAPTER_ID", &id)
        .replace("CHAPTER_TITLE", &name.title())
        .replace("BROKER_NAME", &name.kind.to_string())
        .replace("BROKER_KIND", name.kind.name())
        .replace("DEPENDENCIES", &dependencies.join("\n"))
        .replace(
            "LANES",
            &model.lanes.map(|lane| format!("{lane:?}")).join(", "),
        )
        .replace("LISTINGS", &listings.join("\n\n"))
}

/// What was made so far; removed again unless it is kept.
#[derive(Default)]
struct Made {
    roots: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

impl Made {
    /// Makes a file; `root` is what has to go if the rest fails.
    fn file(&mut self, root: &Path, path: &Path, text: &str) -> Result<()> {
        let what = || format!("cannot write {}", path.display());
        self.roots.push(root.to_owned());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(what)?;
        }
        fs::write(path, text).with_context(what)?;
        self.files.push(path.to_owned());
        Ok(())
    }

    fn keep(mut self) -> Vec<PathBuf> {
        self.roots.clear();
        std::mem::take(&mut self.files)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for root in &self.roots {
            let _ = fs::remove_dir_all(root);
            let _ = fs::remove_file(root);
        }
    }
}
