//! A repository in miniature, and the program under test running in it.

pub mod cache;
pub mod exercise;
pub mod http;
pub mod page;
pub mod program;

use std::path::Path;

use tempfile::TempDir;

/// What a book needs at least; a test adds what it is about.
const BOOK: &str = r#"
[book]
title = "Book"
src = "book/src"

[build]
build-dir = "target/book"
create-missing = false
"#;

/// A repository with a book of two pages and no chapters.
pub struct Repository(TempDir);

impl Repository {
    pub fn new() -> Repository {
        let repository = Repository(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(repository.path().join("chapters")).unwrap();
        repository.write("book.toml", BOOK);
        repository.write(
            "book/src/SUMMARY.md",
            "- [First](index.md)\n- [Second](second.md)\n",
        );
        repository.write("book/src/index.md", "# First\n\nThe old text.\n");
        repository.write("book/src/second.md", "# Second\n");
        repository
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file in one step, so that nobody sees half of it.
    pub fn write(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        let folder = path.parent().unwrap();
        std::fs::create_dir_all(folder).unwrap();
        let scratch = folder.join(".scratch");
        std::fs::write(&scratch, content).unwrap();
        std::fs::rename(scratch, path).unwrap();
    }

    /// Adds a chapter crate without dependencies, of RabbitMQ, whose lanes are `shop` and `worker 1`.
    pub fn chapter(&self, id: &str, main: &str) {
        self.write(
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"chapters/*\"]\n",
        );
        let manifest = format!(
            "[package]\nname = \"{id}\"\nedition = \"2024\"\n\
             [package.metadata.book]\nbrokers = [\"rabbitmq\"]\nlanes = [\"shop\", \"worker 1\"]\n"
        );
        self.write(&format!("chapters/{id}/Cargo.toml"), &manifest);
        self.write(&format!("chapters/{id}/src/main.rs"), main);
    }

    /// Adds a prediction to a chapter, answered by its run `default`: whether it sends 1 or 2 orders.
    pub fn prediction(&self, chapter: &str, id: &str) {
        self.write(
            "book/misconceptions.toml",
            "[M01]\nsays = \"all is sent\"\nclaim = \"a.b.c\"\npage = \"index\"\n",
        );
        self.write(
            &format!("chapters/{chapter}/predict/{id}.toml"),
            "ask = \"How many?\"\nrun = \"default\"\nfact = \"count.shop.sent\"\n\
             [[option]]\ntext = \"Two\"\nvalue = 2\nmisconception = \"M01\"\n\
             [[option]]\ntext = \"One\"\nvalue = 1\n",
        );
    }

    pub fn read(&self, path: &str) -> String {
        let path = self.path().join(path);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub fn has(&self, path: &str) -> bool {
        self.path().join(path).exists()
    }

    /// Puts a program into the way of each build.
    pub fn preprocess_with(&self, command: &str) {
        let book =
            format!("{BOOK}\n[preprocessor.test]\ncommand = '{command}'\nrenderers = [\"html\"]\n");
        self.write("book.toml", &book);
    }
}
