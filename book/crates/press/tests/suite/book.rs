//! A small book in a folder of its own, and the built press to put it through.

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use mdbook_driver::MDBook;
use mdbook_driver::config::Config;
use serde_json::json;
use tempfile::TempDir;

/// A book with one chapter, `ch03-queue`, whose page is empty.
pub struct Book(TempDir);

const SUMMARY: &str = "\
# Summary

[Lose a message](index.md)

- [A queue](ch03-queue.md)
";

const MAIN: &str = r#"//! A queue.
// ANCHOR: connect
fn main() {
    // ANCHOR: publish
    // Wait for the broker's word.
    let confirm = publish(1);

    assert!(confirm.is_ok());
    // ANCHOR_END: publish
}
// ANCHOR_END: connect
"#;

const RUN: &str = r#"{
  "command": "cargo run -p ch03-queue -- --ack auto",
  "broker": { "name": "RabbitMQ", "version": "4.3.6" },
  "client": "lapin 4.12.3",
  "date": "2026-11-24",
  "lines": [
    { "ms": 1, "lane": "shop", "text": "stored o-1 payment.charge" },
    { "ms": 1, "lane": "shop", "text": "stored o-2 payment.charge" },
    { "ms": 2, "lane": "worker 1", "text": "got o-1" },
    { "ms": 3, "lane": "worker 1", "text": "done o-1" },
    { "ms": 4, "lane": "fate", "text": "o-1 ●D  o-2 ✕L" },
    { "ms": 4, "lane": "fate", "text": "1 done, 1 lost" }
  ],
  "wire": []
}
"#;

const TRYCMD: &str = "\
```console
$ cargo run -p ch03-queue -- --ack auto
shop  stored o-1 payment.charge
shop  stored o-2 payment.charge
worker 1  got o-1
worker 1  done o-1
fate  o-1 ●D  o-2 ✕L
fate  1 done, 1 lost
```
";

const PREDICT: &str = r#"
ask = "With `--ack auto`, how many orders are lost?"
run = "auto"
fact = "strip.lost"

[[option]]
text = "None: the queue keeps them"
value = 0
misconception = "M05"

[[option]]
text = "One."
value = 1
"#;

const MISCONCEPTIONS: &str = r#"
[M05]
says = "what the broker has sent is safe"
claim = "rabbit.auto-ack.loses"
page = "ch03-queue"
"#;

const CLAIMS: &str = r#"
/// claim: rabbit.auto-ack.loses
#[test]
fn auto_ack_loses() {}

/// claim: rabbit.auto-ack.loses
#[test]
fn manual_ack_keeps_contrast() {}
"#;

impl Book {
    pub fn new() -> Book {
        let book = Book(TempDir::new().unwrap());
        book.file("book.toml", "")
            .file("book/src/SUMMARY.md", SUMMARY)
            .file("book/src/index.md", "# Lose a message\n")
            .file("book/src/ch03-queue.md", "# A queue\n")
            .file("book/misconceptions.toml", MISCONCEPTIONS)
            .file(
                "chapters/ch03-queue/Cargo.toml",
                "package.name = 'ch03-queue'\n\
                 package.metadata.book.lanes = ['shop', 'worker 1']\n",
            )
            .file("chapters/ch03-queue/src/main.rs", MAIN)
            .file("chapters/ch03-queue/src/args.rs", "pub struct Args;\n")
            .file("chapters/ch03-queue/transcripts/auto.trycmd", TRYCMD)
            .file("chapters/ch03-queue/transcripts/auto.run.json", RUN)
            .file("chapters/ch03-queue/predict/lost.toml", PREDICT)
            .file("tests/tests/claims.rs", CLAIMS)
            .file(
                "Cargo.lock",
                "[[package]]\nname = 'lapin'\nversion = '4.12.3'\n",
            )
    }

    /// Writes a file.
    pub fn file(self, path: &str, text: &str) -> Book {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Writes the chapter's page.
    pub fn page(self, text: &str) -> Book {
        self.file("book/src/ch03-queue.md", text)
    }

    /// mdBook as it would build this book, with the built press in it.
    pub fn mdbook(&self) -> MDBook {
        let config = format!(
            "[book]\nsrc = 'book/src'\n\
             [build]\nbuild-dir = 'target/book'\ncreate-missing = false\n\
             [preprocessor.press]\nrenderers = ['html']\nafter = ['links']\ncommand = '{}'\n\
             [output.html]\nplayground.runnable = false\n",
            env!("CARGO_BIN_EXE_press")
        );
        let config: Config = config.parse().unwrap();
        MDBook::load_with_config(self.0.path(), config).unwrap()
    }

    /// Builds the book and gives a file of the result; an error when there is no book.
    pub fn build(&self, file: &str) -> Result<String, String> {
        self.mdbook()
            .build()
            .map_err(|error| format!("{error:#}"))?;
        Ok(fs::read_to_string(self.0.path().join("target/book").join(file)).unwrap())
    }

    /// Whether anything was written for the reader.
    pub fn is_built(&self) -> bool {
        self.0.path().join("target/book/index.html").exists()
    }

    /// What mdBook sends to press, without the work of mdBook's own preprocessors.
    pub fn press_input(&self) -> String {
        let mdbook = self.mdbook();
        let context = json!({
            "root": self.0.path(),
            "config": mdbook.config,
            "renderer": "html",
            "mdbook_version": "0.5.4",
        });
        serde_json::to_string(&(context, &mdbook.book)).unwrap()
    }

    /// Puts the pages through press.
    pub fn press(&self) -> Output {
        press(&[], self.press_input().as_bytes())
    }

    /// The report of a book that press refuses.
    pub fn report(&self) -> String {
        let output = self.press();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// The chapter's page after press, its fragments on lines of their own again.
    pub fn pressed(&self) -> String {
        self.pressed_page("A queue")
    }

    /// The page with this title after press.
    pub fn pressed_page(&self, title: &str) -> String {
        let output = self.press();
        assert!(output.status.success(), "{output:?}");
        let book: mdbook_driver::book::Book = serde_json::from_slice(&output.stdout).unwrap();
        let page = book
            .chapters()
            .find(|chapter| chapter.name == title)
            .unwrap();
        page.content.replace("&#10;", "\n")
    }
}

/// Runs the built press.
pub fn press(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_press"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Press may refuse its arguments without reading.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}
