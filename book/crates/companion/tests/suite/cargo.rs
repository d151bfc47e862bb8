//! `cargo book run` and `check`, with a stand-in for cargo that says how it is called.

use std::process::{Command, Output};

use crate::common::Repository;
use crate::common::exercise::script;
use crate::common::program::{Running, book, run, runs, stderr, stdout, until};
use rustix::process::Signal;

/// Writes its arguments into the file `calls`, then does `then`.
fn with_cargo(repository: &Repository, arguments: &[&str], then: &str) -> Command {
    let text = format!("echo \"$*\" >> calls\n{then}");
    script(repository, "cargo.sh", &text);
    let mut command = book(repository, arguments);
    command.env("CARGO", repository.path().join("cargo.sh"));
    command
}

fn finish(repository: &Repository, arguments: &[&str], then: &str) -> Output {
    with_cargo(repository, arguments, then).output().unwrap()
}

#[test]
fn run_is_cargo_run_of_the_chapter() {
    let repository = Repository::new();
    repository.chapter("ch01-x", "");
    let then = "echo ran; exit 7";
    let output = finish(
        &repository,
        &["run", "ch01-x", "--", "--ack", "auto", "-v"],
        then,
    );
    assert_eq!(
        output.status.code(),
        Some(7),
        "the exit code is the listing's"
    );
    assert_eq!(stdout(&output), "ran\n");
    finish(&repository, &["run", "ch01-x"], then);
    let arguments = ["run", "ch01-x", "--features", "a,b", "--", "--ack", "auto"];
    finish(&repository, &arguments, then);
    assert_eq!(
        repository.read("calls"),
        "run --package ch01-x -- --ack auto -v\nrun --package ch01-x --\n\
         run --package ch01-x --features a,b -- --ack auto\n"
    );
}

#[test]
fn an_unknown_chapter_suggests_the_nearest() {
    let repository = Repository::new();
    repository.chapter("ch03-rabbit-queue", "");
    let output = finish(&repository, &["run", "ch03-rabit-queue"], "");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "error: there is no chapter `ch03-rabit-queue`; did you mean `ch03-rabbit-queue`?\n"
    );
    assert!(!repository.has("calls"));
}

#[test]
fn outside_the_repository_each_command_says_where_to_go() {
    let repository = Repository::new();
    std::fs::remove_file(repository.path().join("book.toml")).unwrap();
    for arguments in [
        &["run", "ch01-x"][..],
        &["serve", "--no-open"],
        &["build"],
        &["check"],
        &["accept"],
        &["new", "chapter", "03-rabbit-x"],
    ] {
        let output = run(&repository, arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = stderr(&output);
        assert!(said.contains("change to the book's folder"), "{said}");
    }
}

const FORMAT: &str = "fmt --all -- --check\n";
const LINTS: &str = "clippy --workspace --all-targets -- -D warnings\n";
const ALL_LINTS: &str = "clippy --workspace --all-targets --all-features -- -D warnings\n";
const TESTS: &str = "test\n";

#[test]
fn check_does_its_steps_in_order() {
    let repository = Repository::new();
    let output = finish(&repository, &["check"], "");
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(
        repository.read("calls"),
        format!("{FORMAT}{LINTS}{ALL_LINTS}{TESTS}")
    );
    assert!(
        repository.has("target/book/index.html"),
        "the pages are built"
    );
    let said = stderr(&output);
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("check: "))
        .collect();
    assert_eq!(
        lines,
        [
            "check: format: cargo fmt --all -- --check",
            "check: lints: cargo clippy --workspace --all-targets -- -D warnings",
            "check: lints with all features: cargo clippy --workspace --all-targets --all-features -- -D warnings",
            "check: pages: cargo book build",
            "check: tests: cargo test",
            "check: all passed",
        ]
    );
}

#[test]
fn on_the_floor_check_runs_claims_and_recorded_runs_alone() {
    let repository = Repository::new();
    let arguments = ["check", "--brokers", "floor"];
    let mut command = with_cargo(
        &repository,
        &arguments,
        "echo release $BOOK_RELEASE $AMQP_URL",
    );
    command.env("AMQP_URL", "amqp://somewhere");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output), "release floor\n");
    assert_eq!(
        repository.read("calls"),
        "test --package book-tests --no-fail-fast --test brokers --test transcripts\n"
    );
}

#[test]
fn check_stops_at_the_first_that_fails() {
    for (word, calls, told) in [
        (
            "fmt",
            FORMAT.to_owned(),
            "check failed at the format; after the fix, `cargo fmt",
        ),
        (
            "clippy",
            format!("{FORMAT}{LINTS}"),
            "check failed at the lints; after the fix, `cargo clippy",
        ),
        (
            "test",
            format!("{FORMAT}{LINTS}{ALL_LINTS}{TESTS}"),
            "check failed at the tests; after the fix, `cargo test`",
        ),
    ] {
        let repository = Repository::new();
        let output = finish(&repository, &["check"], &format!("[ $1 != {word} ]"));
        assert_eq!(output.status.code(), Some(1), "{word}");
        assert!(stderr(&output).contains(told), "{}", stderr(&output));
        assert_eq!(repository.read("calls"), calls);
    }
    let repository = Repository::new();
    repository.write("book/src/SUMMARY.md", "- [Gone](gone.md)\n");
    let output = finish(&repository, &["check"], "");
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("gone.md"), "{said}");
    assert!(
        said.contains("check failed at the pages; after the fix, `cargo book build`"),
        "{said}"
    );
    assert_eq!(
        repository.read("calls"),
        format!("{FORMAT}{LINTS}{ALL_LINTS}")
    );
}

#[test]
fn a_signal_ends_the_step_and_all_below_it() {
    let repository = Repository::new();
    let then = "sleep 1000 & echo $! > pid.new; mv pid.new pid; wait";
    let mut program = Running::start(&mut with_cargo(&repository, &["check"], then));
    let below: u32 = until("the step runs", || {
        std::fs::read_to_string(repository.path().join("pid"))
            .ok()?
            .trim()
            .parse()
            .ok()
    });
    assert!(runs(below));
    program.signal(Signal::TERM);
    assert_eq!(program.end().code(), Some(143));
    until("the step's child is gone", || (!runs(below)).then_some(()));
}

#[test]
fn without_cargo_the_error_names_it() {
    let repository = Repository::new();
    repository.chapter("ch01-x", "");
    for arguments in [&["run", "ch01-x"][..], &["check"]] {
        let mut command = book(&repository, arguments);
        let output = command.env("CARGO", "/no/such/cargo").output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(
            stderr(&output).contains("error: cannot start"),
            "{}",
            stderr(&output)
        );
    }
}
