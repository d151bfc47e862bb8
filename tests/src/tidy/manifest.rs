//! Conventions of the members' Cargo.toml, and of the knobs that they name.

use std::collections::BTreeMap;

use companion::options::Knob;
use toml::{Table, Value};

use crate::files::File;

/// What a member takes from the workspace's `[workspace.package]`.
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];
/// Tables of dependencies.
const DEPENDENCIES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// A member's manifest says `workspace = true`: versions, features and lints stand in the root
/// manifest alone. Two feature sets of one crate would be built twice.
pub fn inherits(file: &File) -> Vec<String> {
    let manifest: Table = match file.text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![format!("{} is malformed: {error}", file.path)],
    };
    let mut problems = Vec::new();
    let package = manifest.get("package");
    for key in INHERITED {
        if !is_inherited(package.and_then(|package| package.get(key))) {
            problems.push(format!(
                "{}: write `{key}.workspace = true` in [package]",
                file.path
            ));
        }
    }
    if !is_inherited(manifest.get("lints")) {
        problems.push(format!(
            "{}: write [lints] with `workspace = true`",
            file.path
        ));
    }
    for table in DEPENDENCIES {
        let dependencies = manifest.get(table).and_then(Value::as_table);
        for (name, value) in dependencies.into_iter().flatten() {
            let keys = value.as_table().map_or(0, Table::len);
            let optional = usize::from(value.get("optional").is_some());
            if !is_inherited(Some(value)) || keys > 1 + optional {
                problems.push(format!(
                    "{}: write `{name}.workspace = true` in [{table}], and its version and features \
                     in [workspace.dependencies] of the root Cargo.toml",
                    file.path
                ));
            }
        }
    }
    problems
}

fn is_inherited(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")) == Some(&Value::Boolean(true))
}

/// A chapter's binary has no test harness (there is nothing to test in it), and the manifest
/// names the lanes and brokers of its listing.
pub fn is_chapter(file: &File) -> Vec<String> {
    let manifest: Table = file.text.parse().unwrap_or_default();
    let mut problems = Vec::new();
    let binaries = manifest.get("bin").and_then(Value::as_array);
    let has_harness = |bin: &Value| bin.get("test") != Some(&Value::Boolean(false));
    if binaries.is_none_or(|binaries| binaries.len() != 1 || binaries.iter().any(has_harness)) {
        problems.push(format!(
            "{}: write one [[bin]] with `test = false`",
            file.path
        ));
    }
    let book = manifest
        .get("package")
        .and_then(|package| package.get("metadata"))
        .and_then(|metadata| metadata.get("book"));
    for key in ["lanes", "brokers"] {
        let list = book
            .and_then(|book| book.get(key))
            .and_then(Value::as_array);
        // A listing may talk to no broker, and says so with an empty list.
        let may_be_empty = key == "brokers";
        if list.is_none_or(|list| list.is_empty() && !may_be_empty) {
            problems.push(format!(
                "{}: write `{key} = [...]` in [package.metadata.book]",
                file.path
            ));
        }
    }
    problems
}

/// Kafka's client for Rust is a C library that a reader of the first chapters has not asked for.
/// Chapters 01 to 03 take it, and what brings it, with a feature only.
pub fn builds_no_kafka_client(file: &File) -> Vec<String> {
    let early = ["chapters/ch01-", "chapters/ch02-", "chapters/ch03-"];
    if !early.iter().any(|folder| file.path.starts_with(folder)) {
        return Vec::new();
    }
    let manifest: Table = file.text.parse().unwrap_or_default();
    let dependencies = manifest.get("dependencies").and_then(Value::as_table);
    let brings = |name: &&str| {
        let dependency = dependencies.and_then(|all| all.get(*name));
        let optional = dependency.and_then(|it| it.get("optional"));
        dependency.is_some() && optional != Some(&Value::Boolean(true))
    };
    let problem = |name: &str| {
        format!(
            "{}: every reader of the first chapters would build Kafka's C client for this; write \
             `{name} = {{ workspace = true, optional = true }}` and a feature `kafka`",
            file.path
        )
    };
    ["rdkafka", "topics"]
        .iter()
        .filter(|name| brings(name))
        .map(|name| problem(name))
        .collect()
}

/// The knobs of a chapter's manifest are the options of its program, with the same values.
pub fn knobs_are_options(
    chapter: &str,
    knobs: &BTreeMap<String, Vec<String>>,
    options: &[Knob],
) -> Vec<String> {
    let mut problems = Vec::new();
    let table = format!("[package.metadata.book.knobs] of chapters/{chapter}/Cargo.toml");
    for Knob { name, values, .. } in options {
        if values.is_empty() {
            problems.push(format!(
                "{chapter} --help: --{name} takes any value; give it possible values, or hide it"
            ));
        } else if knobs.get(name) != Some(values) {
            problems.push(format!(
                "{table}: write `{name} = {values:?}`, as --help has it"
            ));
        }
    }
    let is_option = |name: &String| options.iter().any(|option| option.name == *name);
    for name in knobs.keys().filter(|name| !is_option(name)) {
        problems.push(format!(
            "{table}: {chapter} has no option --{name}; remove the knob"
        ));
    }
    problems
}

/// A knob's value that a chapter's page names is seen there: in a recorded command, or in one that leaves
/// the knob out, where the value is its default.
pub fn named_knobs_are_recorded(
    page: &str,
    markdown: &str,
    options: &[Knob],
    commands: &[String],
) -> Vec<String> {
    let mut problems = Vec::new();
    for knob in options {
        let option = format!("--{}", knob.name);
        for value in &knob.values {
            let typed = format!("{option} {value}");
            let is_default = knob.default.as_ref() == Some(value);
            let shows = |command: &String| {
                names(command, &typed) || (is_default && !names(command, &option))
            };
            if names(markdown, &typed) && !commands.iter().any(shows) {
                problems.push(format!(
                    "{page}: no transcript shows `{typed}`; record one with `cargo book accept`, or \
                     name a value that has one"
                ));
            }
        }
    }
    problems
}

/// Whether the text has these words, and not only the beginning of longer ones.
fn names(text: &str, words: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    text.match_indices(words)
        .any(|(start, _)| !text[start + words.len()..].starts_with(is_word))
}

/// The dependencies that a page tells a reader to write are those of the workspace, with which the
/// listings were built and recorded.
pub fn dependencies_are_the_workspaces(
    page: &str,
    markdown: &str,
    workspace: &Table,
) -> Vec<String> {
    let table = workspace.get("workspace");
    let known = table.and_then(|table| table.get("dependencies"));
    let mut problems = Vec::new();
    for block in markdown.split("```toml\n").skip(1) {
        let block = block.split("```").next().unwrap_or_default();
        let told: Table = match block.parse() {
            Ok(told) => told,
            Err(error) => {
                problems.push(format!("{page}: a block of TOML is malformed: {error}"));
                continue;
            }
        };
        let told = told.get("dependencies").and_then(Value::as_table);
        for (name, value) in told.into_iter().flatten() {
            if known.and_then(|known| known.get(name)) != Some(value) {
                problems.push(format!(
                    "{page}: `{name}` is another one in [workspace.dependencies] of Cargo.toml; write \
                     it as it stands there"
                ));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
[package]
name = \"ch03-queue\"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish.workspace = true
[package.metadata.book]
lanes = [\"shop\"]
brokers = [\"rabbitmq\"]
[lints]
workspace = true
[dependencies]
tokio.workspace = true
rdkafka = { workspace = true, optional = true }
[[bin]]
name = \"ch03-queue\"
path = \"src/main.rs\"
test = false
";

    fn changed(old: &str, new: &str) -> File {
        assert!(GOOD.contains(old), "{old}");
        File::new("x/Cargo.toml", GOOD.replace(old, new))
    }

    #[test]
    fn a_member_inherits() {
        assert_eq!(inherits(&changed("", "")), [""; 0]);
        for (old, new) in [
            ("\nversion.workspace = true\n", "\n"),
            ("edition.workspace = true", "edition = \"2024\""),
            ("workspace = true\n[dep", "rust = {}\n[dep"),
            ("tokio.workspace = true", "tokio = \"1\""),
            (
                "tokio.workspace = true",
                "tokio = { workspace = true, features = [\"fs\"] }",
            ),
            ("optional = true", "default-features = false"),
        ] {
            assert_eq!(inherits(&changed(old, new)).len(), 1, "{old} -> {new}");
        }
        let problems = inherits(&File::new("x/Cargo.toml", "[package"));
        assert!(
            problems[0].starts_with("x/Cargo.toml is malformed"),
            "{problems:?}"
        );
    }

    #[test]
    fn a_chapter_says_what_it_is() {
        assert_eq!(is_chapter(&changed("", "")), [""; 0]);
        for (old, new) in [
            ("test = false", ""),
            ("test = false", "test = true"),
            ("lanes = [\"shop\"]", "lanes = []"),
            ("brokers = [\"rabbitmq\"]", ""),
        ] {
            assert_eq!(is_chapter(&changed(old, new)).len(), 1, "{old} -> {new}");
        }
    }

    #[test]
    fn the_first_chapters_build_no_kafka_client() {
        let optional = "rdkafka = { workspace = true, optional = true }";
        for (path, dependency, problems) in [
            (
                "chapters/ch01-queue/Cargo.toml",
                "rdkafka.workspace = true",
                1,
            ),
            (
                "chapters/ch03-rabbit-queue/Cargo.toml",
                "topics.workspace = true",
                1,
            ),
            ("chapters/ch02-nats/Cargo.toml", optional, 0),
            (
                "chapters/ch04-kafka-keys/Cargo.toml",
                "rdkafka.workspace = true",
                0,
            ),
        ] {
            let mut file = changed("", "");
            file.path = path.into();
            file.text = format!("[dependencies]\n{dependency}\n");
            assert_eq!(builds_no_kafka_client(&file).len(), problems, "{path}");
        }
    }

    #[test]
    fn knobs_and_options_are_equal() {
        let list =
            |values: &[&str]| -> Vec<String> { values.iter().map(|v| (*v).to_owned()).collect() };
        let table = |name: &str, values: &[&str]| BTreeMap::from([(name.to_owned(), list(values))]);
        let option = |name: &str, values: &[&str]| {
            vec![Knob {
                name: name.to_owned(),
                about: String::new(),
                default: None,
                values: list(values),
            }]
        };
        let both = ["manual", "auto"];
        let (ack, told) = (table("ack", &both), option("ack", &both));
        assert_eq!(knobs_are_options("ch03-queue", &ack, &told), [""; 0]);
        for (knobs, options, expected) in [
            (
                table("ack", &["manual"]),
                told.clone(),
                "write `ack = [\"manual\", \"auto\"]`",
            ),
            (BTreeMap::new(), told.clone(), "write `ack = "),
            (ack.clone(), Vec::new(), "has no option --ack"),
            (ack.clone(), option("ack", &[]), "--ack takes any value"),
        ] {
            let problems = knobs_are_options("ch03-queue", &knobs, &options);
            assert!(problems[0].contains(expected), "{problems:?}");
        }
    }

    #[test]
    fn a_named_knob_without_a_run_is_told() {
        let options = [Knob {
            name: "ack".to_owned(),
            about: String::new(),
            default: Some("manual".to_owned()),
            values: ["manual", "auto", "auto-late"].map(str::to_owned).into(),
        }];
        let told = |markdown: &str, commands: &[&str]| {
            let commands: Vec<String> = commands.iter().map(|it| (*it).to_owned()).collect();
            named_knobs_are_recorded("p.md", markdown, &options, &commands)
        };
        let auto = "cargo run -p ch03-queue -- --ack auto";
        assert_eq!(told("Run it with `--ack auto`.", &[auto]), [""; 0]);
        assert_eq!(
            told("`--ack manual`", &["cargo run -p ch03-queue"]),
            [""; 0]
        );
        assert_eq!(told("`--ack` decides.", &[]), [""; 0]);
        for (markdown, missing) in [
            ("`--ack auto-late`", "no transcript shows `--ack auto-late`"),
            ("`--ack manual`", "no transcript shows `--ack manual`"),
        ] {
            let problems = told(markdown, &[auto]);
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].contains(missing), "{problems:?}");
        }
    }

    #[test]
    fn a_dependency_that_differs_from_the_workspaces_is_told() {
        let workspace =
            "[workspace.dependencies]\nlapin = { version = \"4\", features = [\"a\"] }\n";
        let workspace: Table = workspace.parse().unwrap_or_default();
        let told = |line: &str| {
            let page = format!("Write:\n\n```toml\n[dependencies]\n{line}\n```\n");
            dependencies_are_the_workspaces("p.md", &page, &workspace)
        };
        let same = "lapin = { version = \"4\", features = [\n    \"a\"\n] }";
        assert_eq!(told(same), [""; 0]);
        for other in ["lapin = \"4\"", "amiquip = \"0.4\"", "lapin ="] {
            assert_eq!(told(other).len(), 1, "{other}");
        }
    }
}
