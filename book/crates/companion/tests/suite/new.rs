//! `cargo book new chapter`: refusals, and a new chapter from its first line to its page.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::Repository;
use crate::common::program::{run, stderr, stdout};
use toml::{Table, Value};

#[test]
fn what_is_made_is_told() {
    let repository = Repository::new();
    let output = run(&repository, &["new", "chapter", "03-rabbit-priorities"]);
    assert!(output.status.success(), "{}", stderr(&output));
    insta::assert_snapshot!(stdout(&output));
    let page = repository.read("book/src/ch03-rabbit-priorities.md");
    insta::assert_snapshot!("page", page);
    insta::assert_snapshot!(
        "manifest",
        repository.read("chapters/ch03-rabbit-priorities/Cargo.toml")
    );
    assert_eq!(
        repository.read("book/src/SUMMARY.md"),
        "- [First](index.md)\n- [Second](second.md)\n\
         - [RabbitMQ: priorities](ch03-rabbit-priorities.md)\n"
    );
}

#[test]
fn what_exists_is_not_touched() {
    let repository = Repository::new();
    run(&repository, &["new", "chapter", "03-rabbit-x"]);
    repository.write("book/src/ch03-rabbit-page.md", "a page");
    repository.write(
        "book/src/SUMMARY.md",
        "- [First](index.md)\n- [L](ch03-rabbit-line.md)\n",
    );
    for (name, part) in [
        (
            "03-rabbit-x",
            "chapters/ch03-rabbit-x exists already; choose another topic",
        ),
        (
            "03-rabbit-page",
            "book/src/ch03-rabbit-page.md exists already; choose another topic",
        ),
        (
            "03-rabbit-line",
            "SUMMARY.md lists ch03-rabbit-line.md already",
        ),
    ] {
        let before = tree(repository.path());
        let output = run(&repository, &["new", "chapter", name]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
        assert_eq!(tree(repository.path()), before);
    }
}

#[test]
fn an_ill_formed_name_is_refused_with_the_form() {
    let repository = Repository::new();
    let before = tree(repository.path());
    for (name, part) in [
        ("ch03-rabbit-x", "write 03-rabbit-x, without `ch`"),
        (
            "03-pulsar-x",
            "`03-pulsar-x` names no broker; a chapter is named NN-BROKER-TOPIC",
        ),
        (
            "03-rabbit-../x",
            "is ill-formed; a chapter is named NN-BROKER-TOPIC",
        ),
    ] {
        let output = run(&repository, &["new", "chapter", name]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
    }
    assert_eq!(tree(repository.path()), before);
}

#[test]
fn where_one_file_cannot_be_written_nothing_is_left() {
    let repository = Repository::new();
    let before = tree(repository.path());
    std::fs::remove_file(repository.path().join("book/src/SUMMARY.md")).unwrap();
    let output = run(&repository, &["new", "chapter", "03-rabbit-x"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot read book/src/SUMMARY.md"));
    // A link to nowhere does not exist, and cannot be written.
    let page = repository.path().join("book/src/ch03-rabbit-x.md");
    std::os::unix::fs::symlink("/nowhere/page.md", &page).unwrap();
    repository.write(
        "book/src/SUMMARY.md",
        "- [First](index.md)\n- [Second](second.md)\n",
    );
    let output = run(&repository, &["new", "chapter", "03-rabbit-x"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("cannot write"),
        "{}",
        stderr(&output)
    );
    assert!(!repository.has("chapters/ch03-rabbit-x"));
    let _ = std::fs::remove_file(page);
    assert_eq!(tree(repository.path()), before);
}

/// All files below a folder, with their text.
fn tree(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(tree(&path));
        } else {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            files.push((path, text));
        }
    }
    files.sort();
    files
}

/// A workspace of its own whose chapters use this repository's crates, so that all but the
/// chapters themselves is built already.
struct Workspace {
    folder: PathBuf,
    target: PathBuf,
}

impl Workspace {
    fn new() -> Workspace {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../..")
            .canonicalize()
            .unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-chapter");
        let _ = std::fs::remove_dir_all(&folder);
        let program = Path::new(env!("CARGO_BIN_EXE_companion"));
        let target = program.ancestors().nth(2).unwrap().to_owned();
        let workspace = Workspace { folder, target };
        std::fs::create_dir_all(workspace.folder.join("chapters")).unwrap();
        std::fs::create_dir_all(workspace.folder.join("book/src")).unwrap();
        workspace.write("Cargo.toml", &manifest(&here));
        std::fs::copy(here.join("Cargo.lock"), workspace.folder.join("Cargo.lock")).unwrap();
        workspace.write("book.toml", &book(&here));
        workspace.write("book/src/SUMMARY.md", "- [Start](index.md)\n");
        let start = "<!--\nneeds = []\nterms = []\nlevel = \"spine\"\n-->\n\n# Start\n";
        workspace.write("book/src/index.md", start);
        workspace
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::write(self.folder.join(path), text).unwrap();
    }

    fn run(&self, command: &mut Command) -> Output {
        command
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", &self.target)
            .output()
            .unwrap()
    }

    fn book(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_companion"));
        for variable in ["BROKERS", "NATS_URL", "AMQP_URL", "KAFKA_BOOTSTRAP_SERVERS"] {
            command.env_remove(variable);
        }
        self.run(command.args(arguments))
    }
}

/// This repository's manifest, with the chapters as its only members.
fn manifest(here: &Path) -> String {
    let text = std::fs::read_to_string(here.join("Cargo.toml")).unwrap();
    let mut manifest: Table = text.parse().unwrap();
    let workspace = manifest["workspace"].as_table_mut().unwrap();
    workspace.remove("default-members");
    workspace.insert("members".to_owned(), Value::from(vec!["chapters/*"]));
    let dependencies = workspace["dependencies"].as_table_mut().unwrap();
    for (_, dependency) in dependencies.iter_mut() {
        if let Some(path) = dependency.get_mut("path") {
            let absolute = here.join(path.as_str().unwrap());
            *path = Value::from(absolute.to_str().unwrap());
        }
    }
    manifest.to_string()
}

/// A book that is pressed as this repository's is.
fn book(here: &Path) -> String {
    let text = std::fs::read_to_string(here.join("book.toml")).unwrap();
    let mut book: Table = text.parse().unwrap();
    let command = format!(
        "cargo run --quiet --manifest-path '{}' --package press --",
        here.join("Cargo.toml").display()
    );
    book["preprocessor"]["press"]["command"] = Value::from(command);
    book.remove("output");
    book.to_string()
}

#[test]
fn a_new_chapter_runs_is_recorded_and_becomes_a_page() {
    let workspace = Workspace::new();
    let chapters = ["02-nats-x", "03-rabbit-x", "04-kafka-x"];
    for name in chapters {
        let made = workspace.book(&["new", "chapter", name]);
        assert!(made.status.success(), "{}", stderr(&made));
    }
    for name in chapters {
        let main = format!("chapters/ch{name}/src/main.rs");
        let mut format = Command::new("rustfmt");
        let format = workspace.run(format.args(["--check", "--edition", "2024", &main]));
        assert!(format.status.success(), "{name}: {}", stdout(&format));
    }
    let accepted = workspace.book(&["accept"]);
    assert!(accepted.status.success(), "{}", stderr(&accepted));
    assert!(
        !stderr(&accepted).contains("warning"),
        "{}",
        stderr(&accepted)
    );
    let built = workspace.book(&["build"]);
    assert!(built.status.success(), "{}", stderr(&built));
    for name in chapters {
        let page = workspace.folder.join(format!("target/book/ch{name}.html"));
        let page = std::fs::read_to_string(page).unwrap();
        assert!(
            page.contains("payment.charge"),
            "{name}: the page shows the run"
        );
        assert!(
            !page.contains("{{#"),
            "{name}: nothing of it is left unread"
        );
    }
}
