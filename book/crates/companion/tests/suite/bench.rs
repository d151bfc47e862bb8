//! `cargo book bench`, on real brokers.

use std::process::Command;

use crate::common::Repository;
use crate::common::cache::Cache;
use crate::common::exercise::solved;
use crate::common::program::{stderr, stdout};

#[test]
fn the_bench_measures_every_broker_and_source() {
    let cache = Cache::new();
    // No engine, wherever this runs: else the images would be pulled.
    let output = cache
        .book(
            &Repository::new(),
            &["bench", "brokers", "--runs", "1", "--containers"],
        )
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let table = stdout(&output);
    let rows = |how: &str| table.lines().filter(|line| line.contains(how)).count();
    assert!(table.starts_with("machine  "), "{table}");
    assert_eq!(rows("native, alone"), 3, "{table}");
    assert_eq!(rows("container, cannot be had"), 3, "{table}");
    assert_eq!(rows("native, all at once"), 4, "{table}");
    assert_eq!(rows("warm, handshake"), 2, "{table}");
    assert_eq!(rows(" ms"), 9, "{table}");
    assert_eq!(cache.state(), None);
}

#[test]
fn the_bench_measures_the_proxy_before_every_broker() {
    let cache = Cache::new();
    let output = cache
        .book(&Repository::new(), &["bench", "wire", "--runs", "1"])
        .output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let table = stdout(&output);
    assert!(table.starts_with("machine  "), "{table}");
    for broker in ["NATS 2.", "RabbitMQ 4.", "Kafka 4."] {
        let mut rows = table.lines().filter(|line| line.starts_with(broker));
        let row = rows.next().unwrap();
        assert_eq!(row.matches(" us").count(), 6, "{table}");
    }
    assert_eq!(cache.state(), None);
}

/// A repository with a listing that does this.
fn listed(body: &str) -> Repository {
    let repository = Repository::new();
    repository.chapter("ch01-x", &format!("fn main() {{ {body} }}"));
    repository
}

#[test]
fn the_bench_measures_a_listing_to_its_first_line_and_to_its_end() {
    let cache = Cache::new();
    let repository = listed(r#"println!("shop  sent o-1");"#);
    let output = cache
        .book(&repository, &["bench", "listings", "--runs", "2"])
        .output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let table = stdout(&output);
    let mut rows = table.lines().filter(|line| line.starts_with("ch01-x "));
    for until in [" first line ", " end "] {
        let row = rows.next().unwrap();
        assert!(row.contains(until), "{table}");
        assert_eq!(row.matches(" ms").count(), 3, "{table}");
    }
    assert_eq!(rows.next(), None);
    assert_eq!(cache.state(), None);
}

#[test]
fn a_listing_that_fails_ends_the_bench_with_its_words() {
    for (body, why) in [
        (
            r#"eprintln!("error: no broker"); std::process::exit(3);"#,
            "ch01-x ends with 3:\nerror: no broker",
        ),
        ("", "ch01-x prints nothing"),
    ] {
        let cache = Cache::new();
        let output = cache.book(&listed(body), &["bench", "listings"]).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(why), "{}", stderr(&output));
        assert_eq!(cache.state(), None);
    }
}

#[test]
fn the_bench_measures_the_time_to_a_verdict() {
    let cache = Cache::new();
    let repository = solved(&told("passed"));
    let output = bench_exercises(&repository, &cache).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let table = stdout(&output);
    for faults in [" without ", " with "] {
        let mut rows = table.lines().filter(|line| line.contains(faults));
        let row = rows.next().unwrap();
        assert!(row.starts_with("ex03-once "), "{table}");
        assert_eq!(row.matches(" ms").count(), 3, "{table}");
    }
    assert_eq!(repository.read("faults"), "off\noff\noff\non\non\non\n");
    assert_eq!(cache.state(), None);
}

#[test]
fn a_solution_that_does_not_pass_ends_the_bench() {
    let cache = Cache::new();
    let output = bench_exercises(&solved(&told("not-attempted")), &cache)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let why = "ex03-once gets not-attempted: o-1 is gone";
    assert!(stderr(&output).contains(why), "{}", stderr(&output));
    assert_eq!(cache.state(), None);
}

/// A grader that says so, and keeps in mind whether there were faults.
fn told(verdict: &str) -> String {
    format!(
        "echo \"$GRADE_FAULTS\" >> faults
         echo '{{\"verdict\":\"{verdict}\",\"why\":[\"o-1 is gone\"],\"faults\":1,\"ms\":7,\"brokers\":[],\"moments\":[],\"strip\":\"\",\"log\":[]}}' > \"$GRADE_REPORT\""
    )
}

fn bench_exercises(repository: &Repository, cache: &Cache) -> Command {
    let mut command = cache.book(repository, &["bench", "exercises", "--runs", "2"]);
    command.env("CARGO", repository.path().join("cargo.sh"));
    command
}
