//! `cargo book accept` on a chapter that needs no broker but says that it used one.

use crate::common::Repository;
use crate::common::program::{Running, book, run, runs, stderr, stdout, until};
use rustix::process::Signal;

const TRANSCRIPT: &str = "chapters/ch01-x/transcripts/plain.trycmd";
const RUN: &str = "chapters/ch01-x/transcripts/plain.run.json";
const NEW: &str = "```console\n$ cargo run -p ch01-x\n```\n";
const FILLED: &str = "```console\n$ cargo run -p ch01-x\n\
    shop  sent o-1\nshop  sent o-2\nworker 1  got o-1\n```\n";

/// A listing that tells its broker and then does `body`; `count` is the number of the run.
fn listing(body: &str) -> String {
    format!(
        r#"
use std::io::Write;
fn main() {{
    let broker = std::env::var("BOOK_RECORD").unwrap();
    std::fs::write(broker, "{{\"broker\":\"NATS\",\"version\":\"2.15.1\",\"source\":\"native\"}}\n").unwrap();
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open("count").unwrap();
    file.write_all(b".").unwrap();
    let count = std::fs::read("count").unwrap().len();
    let _ = count;
    {body}
}}
"#
    )
}

/// A repository with one transcript of one listing.
fn repository(body: &str, transcript: &str) -> Repository {
    let repository = Repository::new();
    repository.chapter("ch01-x", &listing(body));
    repository.write(TRANSCRIPT, transcript);
    repository
}

/// Which lane prints first changes from run to run.
const RACE: &str = r#"
    if count % 2 == 0 { println!("worker 1  got o-1"); }
    println!("shop  sent o-1\nshop  sent o-2");
    if count % 2 == 1 { println!("worker 1  got o-1"); }
"#;

#[test]
fn a_new_transcript_is_filled() {
    let repository = repository(RACE, NEW);
    let output = run(&repository, &["accept", "ch01-x/plain"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("ch01-x/plain: recorded"));
    assert!(stdout(&output).contains("+shop  sent o-1"));
    assert_eq!(repository.read(TRANSCRIPT), FILLED);
    assert_eq!(repository.read("count").len(), 3, "it ran three times");
    let run: serde_json::Value = serde_json::from_str(&repository.read(RUN)).unwrap();
    assert_eq!(run["command"], "cargo run -p ch01-x");
    assert_eq!(run["broker"]["name"], "NATS");
    assert_eq!(run["broker"]["version"], "2.15.1");
    assert_eq!(run["date"].as_str().unwrap().len(), "2026-11-24".len());
    let lanes: Vec<&str> = run["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["lane"].as_str().unwrap())
        .collect();
    assert_eq!(lanes, ["shop", "shop", "worker 1"], "the real order");
    assert_eq!(run["wire"], serde_json::json!([]));
    assert_eq!(run.get("exit"), None);
}

#[test]
fn what_is_the_same_is_left_alone() {
    let repository = repository(RACE, NEW);
    run(&repository, &["accept"]);
    let real = repository.read(RUN);
    let output = run(&repository, &["accept", "ch01-x"]);
    assert_eq!(stdout(&output), "ch01-x/plain: unchanged\n");
    assert_eq!(repository.read(RUN), real);

    std::fs::remove_file(repository.path().join(RUN)).unwrap();
    let output = run(&repository, &["accept", "ch01-x"]);
    assert_eq!(
        stdout(&output),
        "ch01-x/plain: its real lines and frames are recorded\n"
    );
    assert!(repository.has(RUN));
    assert_eq!(repository.read(TRANSCRIPT), FILLED);
}

#[test]
fn what_another_version_has_said_is_recorded_anew() {
    let repository = repository(RACE, NEW);
    run(&repository, &["accept"]);
    let current: serde_json::Value = serde_json::from_str(&repository.read(RUN)).unwrap();
    let mut broker = current.clone();
    broker["broker"]["version"] = "0.1.0".into();
    let mut client = current;
    client["client"] = "async-nats 0.1.0".into();
    for older in [broker, client] {
        repository.write(RUN, &older.to_string());
        let output = run(&repository, &["accept", "ch01-x"]);
        assert_eq!(
            stdout(&output),
            "ch01-x/plain: its real lines and frames are recorded\n"
        );
        assert!(!repository.read(RUN).contains("0.1.0"));
        assert_eq!(repository.read(TRANSCRIPT), FILLED);
    }
}

#[test]
fn a_change_is_shown_and_recorded() {
    let repository = repository(RACE, NEW);
    run(&repository, &["accept"]);
    repository.chapter(
        "ch01-x",
        &listing(r#"println!("shop  sent o-1\nworker 1  got o-2");"#),
    );
    let output = run(&repository, &["accept"]);
    let shown = stdout(&output);
    assert!(
        shown.contains("-worker 1  got o-1\n+worker 1  got o-2"),
        "{shown}"
    );
    assert!(repository.read(TRANSCRIPT).contains("worker 1  got o-2"));
    assert!(repository.read(RUN).contains("got o-2"));
}

#[test]
fn runs_that_differ_are_refused() {
    let body = r#"println!("shop  sent o-{count}");"#;
    let repository = repository(body, NEW);
    let output = run(&repository, &["accept"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains("ch01-x/plain is not accepted: run 1 and run 2 differ"),
        "{said}"
    );
    assert!(said.contains("-shop  sent o-1\n+shop  sent o-2"), "{said}");
    assert_eq!(repository.read(TRANSCRIPT), NEW);
    assert!(!repository.has(RUN));
}

#[test]
fn a_failure_is_recorded_only_where_it_is_meant() {
    let body =
        r#"println!("shop  sent o-1"); eprintln!("Error: no broker"); std::process::exit(3);"#;
    let repository = repository(body, NEW);
    let output = run(&repository, &["accept"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("exit code 3, not 0"), "{said}");
    assert!(said.contains("write `? 3` under the command"), "{said}");
    assert_eq!(repository.read(TRANSCRIPT), NEW);

    repository.write(TRANSCRIPT, "```console\n$ cargo run -p ch01-x\n? 3\n```\n");
    let output = run(&repository, &["accept"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(
        repository.read(TRANSCRIPT),
        "```console\n$ cargo run -p ch01-x\n? 3\nshop  sent o-1\nError: no broker\n```\n"
    );
    let real: serde_json::Value = serde_json::from_str(&repository.read(RUN)).unwrap();
    assert_eq!(real["exit"], 3);
}

#[test]
fn each_transcript_runs_with_the_features_of_its_command() {
    let repository = repository(
        r#"println!("shop  kafka {}", cfg!(feature = "kafka"));"#,
        NEW,
    );
    let manifest = "chapters/ch01-x/Cargo.toml";
    let text = repository.read(manifest) + "[features]\nkafka = []\n";
    repository.write(manifest, &text);
    let with = "chapters/ch01-x/transcripts/with.trycmd";
    repository.write(with, &NEW.replace("ch01-x", "ch01-x --features kafka"));
    let output = run(&repository, &["accept"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(repository.read(TRANSCRIPT).contains("shop  kafka false"));
    assert!(repository.read(with).contains("shop  kafka true"));

    // One that the chapter does not have is cargo's to refuse.
    repository.write(with, &NEW.replace("ch01-x", "ch01-x --features kafak"));
    let output = run(&repository, &["accept", "ch01-x/with"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("kafak"), "{}", stderr(&output));
}

#[test]
fn one_refusal_does_not_keep_the_others_back() {
    let repository = repository(RACE, "```console\n$ cargo run -p ch01-x\n? 9\n```\n");
    let other = "chapters/ch01-x/transcripts/zother.trycmd";
    repository.write(other, NEW);
    let output = run(&repository, &["accept", "ch01-x"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("ch01-x/plain is not accepted"));
    assert_eq!(repository.read(other), FILLED);
}

#[test]
fn what_cannot_be_recorded_is_named_with_its_fix() {
    let repository = repository(RACE, NEW);
    for (which, transcript, part) in [
        (
            "ch01-y",
            NEW,
            "there is no chapter `ch01-y`; did you mean `ch01-x`?",
        ),
        (
            "ch01-x/other",
            NEW,
            "transcripts/other.trycmd does not exist; write it with its command alone",
        ),
        (
            "ch01-x",
            "```console\n$ cargo run -p ch02-y\n```\n",
            "the command runs ch02-y",
        ),
        (
            "ch01-x",
            "```console\n$ cargo test\n```\n",
            "`cargo test` is not understood",
        ),
        (
            "ch01-x",
            "```console\n$ cargo run -p ch01-x | head\n```\n",
            "needs a shell",
        ),
    ] {
        repository.write(TRANSCRIPT, transcript);
        let output = run(&repository, &["accept", which]);
        assert_eq!(output.status.code(), Some(1), "{which}");
        let said = stderr(&output);
        assert!(said.contains(part), "{said}");
        assert_eq!(repository.read(TRANSCRIPT), transcript);
    }
    let empty = Repository::new();
    let output = run(&empty, &["accept"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("there is no transcript"));
}

#[test]
fn an_unknown_lane_and_a_missing_broker_are_refused() {
    let repository = repository(r#"println!("bank  got o-1");"#, NEW);
    let output = run(&repository, &["accept"]);
    assert!(
        stderr(&output).contains("the lane `bank`"),
        "{}",
        stderr(&output)
    );
    repository.chapter("ch01-x", r#"fn main() { println!("shop  sent o-1"); }"#);
    let output = run(&repository, &["accept"]);
    assert!(
        stderr(&output).contains("it used no broker"),
        "{}",
        stderr(&output)
    );
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(repository.read(TRANSCRIPT), NEW);
}

#[test]
fn a_listing_that_needs_no_broker_is_recorded_without_one() {
    let repository = repository(r#"println!("shop  sent o-1");"#, NEW);
    let manifest = "chapters/ch01-x/Cargo.toml";
    let text = repository.read(manifest);
    repository.write(manifest, &text.replace("[\"rabbitmq\"]", "[]"));
    repository.write(
        "chapters/ch01-x/src/main.rs",
        r#"fn main() { println!("shop  sent o-1"); }"#,
    );
    let output = run(&repository, &["accept"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let json = repository.read(RUN);
    assert!(!json.contains("broker"), "{json}");
    // One that uses a broker all the same is told to name it.
    let repository = self::repository(r#"println!("shop  sent o-1");"#, NEW);
    repository.write(manifest, &text.replace("[\"rabbitmq\"]", "[]"));
    let output = run(&repository, &["accept"]);
    assert!(
        stderr(&output).contains("it used a broker; name it in `brokers`"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_listing_that_does_not_compile_is_refused() {
    let repository = repository("nonsense", NEW);
    let output = run(&repository, &["accept"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("nonsense"));
    assert!(stderr(&output).contains("error: cargo build failed"));
}

#[test]
fn ctrl_c_ends_the_listing_too() {
    let body = r#"
        std::fs::write("pid.new", std::process::id().to_string()).unwrap();
        std::fs::rename("pid.new", "pid").unwrap();
        std::thread::sleep(std::time::Duration::from_secs(1000));
    "#;
    let repository = repository(body, NEW);
    let mut program = Running::start(&mut book(&repository, &["accept"]));
    let pid = until("the listing runs", || {
        std::fs::read_to_string(repository.path().join("pid"))
            .ok()?
            .parse()
            .ok()
    });
    assert!(runs(pid));
    program.signal(Signal::INT);
    assert_eq!(program.end().code(), Some(130));
    until("the listing is gone", || (!runs(pid)).then_some(()));
    assert_eq!(repository.read(TRANSCRIPT), NEW);
}
