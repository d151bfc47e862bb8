#![allow(clippy::unwrap_used)]

mod claims;
mod pages;
mod predict;
mod reference;
mod snippet;
mod transcript;
mod verified;

use std::fmt::Debug;
use std::fs;

use tempfile::TempDir;

use super::*;

/// A small book in a folder of its own.
struct Book(TempDir);

impl Book {
    /// A book with one chapter, `ch03-queue`.
    fn new() -> Book {
        let book = Book(TempDir::new().unwrap());
        book.file("book.toml", "")
            .file("book/src/SUMMARY.md", "")
            .file(
                "chapters/ch03-queue/Cargo.toml",
                r#"
                package.name = "ch03-queue"
                package.metadata.book.lanes = ["shop", "worker 1", "worker 2"]
                package.metadata.book.brokers = ["rabbitmq"]
                package.metadata.book.knobs.ack = ["manual", "auto"]
                package.metadata.book.newer.auto = "RabbitMQ 4.3"
                dependencies.lapin.workspace = true
                "#,
            )
    }

    /// Writes a file.
    fn file(self, path: &str, text: &str) -> Book {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn open(&self) -> Catalog {
        Catalog::open(self.0.path()).unwrap()
    }

    /// The catalog beside the book, whose folder it reads and which must outlive it.
    fn open_kept(self) -> (Book, Catalog) {
        let catalog = self.open();
        (self, catalog)
    }
}

/// The message of an error, with its causes.
fn message<T: Debug>(result: Result<T>) -> String {
    format!("{:#}", result.unwrap_err())
}

#[test]
fn a_chapter_is_what_its_folder_and_manifest_say() {
    let book = Book::new();
    let catalog = book.open();
    let [chapter] = catalog.chapters() else {
        panic!("{:?}", catalog.chapters());
    };
    assert_eq!(chapter.id, "ch03-queue");
    assert_eq!(chapter.lanes, ["shop", "worker 1", "worker 2"]);
    assert_eq!(chapter.brokers, ["rabbitmq"]);
    assert_eq!(chapter.knobs["ack"], ["manual", "auto"]);
    assert_eq!(chapter.newer["auto"], "RabbitMQ 4.3");
    assert_eq!(chapter.dependencies, ["lapin"]);
}

#[test]
fn chapters_are_sorted_and_files_among_them_are_passed_over() {
    let book = Book::new()
        .file("chapters/README.md", "")
        .file("chapters/ch02-sub/Cargo.toml", "package.name = 'ch02-sub'");
    let ids: Vec<_> = book
        .open()
        .chapters()
        .iter()
        .map(|c| c.id.clone())
        .collect();
    assert_eq!(ids, ["ch02-sub", "ch03-queue"]);
}

#[test]
fn an_unknown_chapter_names_the_nearest() {
    let book = Book::new();
    let catalog = book.open();
    assert_eq!(
        message(catalog.chapter("ch03-quue")),
        "there is no chapter `ch03-quue`; did you mean `ch03-queue`?"
    );
    assert_eq!(
        message(catalog.chapter("outbox")),
        "there is no chapter `outbox`; there is: ch03-queue"
    );
}

#[test]
fn a_folder_that_is_no_book_is_refused() {
    let folder = TempDir::new().unwrap();
    let text = message(Catalog::open(folder.path()));
    assert!(
        text.ends_with("is not the book's folder: it needs book.toml and chapters/"),
        "{text}"
    );
}

#[test]
fn a_bad_manifest_is_told_with_its_path() {
    let manifest = "chapters/ch03-queue/Cargo.toml";
    let error = |text: &str| {
        let book = Book::new().file(manifest, text);
        message(Catalog::open(book.0.path()))
    };
    insta::assert_snapshot!(error("package = 1"), @"
    chapters/ch03-queue/Cargo.toml is malformed: TOML parse error at line 1, column 11
      |
    1 | package = 1
      |           ^
    invalid type: integer `1`, expected struct Package
    ");
    assert_eq!(
        error("package.name = 'ch03-other'"),
        "chapters/ch03-queue/Cargo.toml: the package is named `ch03-other`, its folder \
         `ch03-queue`; give both the same name"
    );
    assert_eq!(
        error("package = { name = 'ch03-queue', metadata.book.brokers = ['rabbit'] }"),
        "chapters/ch03-queue/Cargo.toml: brokers names `rabbit`; use nats, rabbitmq, kafka"
    );
    let unknown = error("package = { name = 'ch03-queue', metadata.book.lane = ['shop'] }");
    assert!(unknown.contains("unknown field `lane`"), "{unknown}");
}

#[test]
fn a_folder_without_a_manifest_is_told() {
    let book = Book::new().file("chapters/ch09-draft/notes.md", "");
    let text = message(Catalog::open(book.0.path()));
    assert!(
        text.starts_with(
            "every folder in chapters/ is a package: cannot read chapters/ch09-draft/Cargo.toml"
        ),
        "{text}"
    );
}

#[test]
fn the_client_is_the_locked_one() {
    let book = Book::new();
    let lock = "[[package]]\nname = 'lapin'\nversion = '4.12.3'\n";
    let book = book.file("Cargo.lock", lock);
    let client = |book: &Book, used: &[&str]| {
        let used: Vec<String> = used.iter().map(|name| (*name).to_owned()).collect();
        book.open().client("ch03-queue", &used)
    };
    let used = ["RabbitMQ", "RabbitMQ"];
    assert_eq!(client(&book, &used).unwrap(), "lapin 4.12.3");
    // A client that the run had no use for is not told.
    assert_eq!(client(&book, &["NATS"]).unwrap(), "");

    let book = book.file("Cargo.lock", "package = []");
    assert_eq!(
        message(client(&book, &used)),
        "Cargo.lock lacks lapin; run `cargo build --workspace`"
    );
}

#[test]
fn the_nearest_name_is_near_or_none() {
    let names = ["publish", "consume", "ack"];
    assert_eq!(nearest("publsh", &names), Some("publish"));
    assert_eq!(nearest("kca", &names), None);
    assert_eq!(nearest("akc", &names), Some("ack"));
    assert_eq!(nearest("topology", &names), None);
    assert_eq!(nearest("ack", &[]), None);
}
