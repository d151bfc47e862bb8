//! A listing, run from its page.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::Repository;
use crate::common::http::Server;
use crate::common::page::Stage;
use crate::common::program::{runs, until};

const RECORDED: &str =
    "```console\n$ cargo run -p ch01-x\nshop  sent o-1\nworker 1  got o-1\n```\n";

/// The kinds of these news.
fn kinds(news: &[Value]) -> Vec<&str> {
    news.iter().map(|it| it["news"].as_str().unwrap()).collect()
}

#[test]
fn lines_come_as_they_are_printed_and_equal_the_recorded_run() {
    let script =
        "echo 'worker 1  got o-1'; until [ -e gate ]; do sleep 0.01; done; echo 'shop  sent o-1'";
    let stage = Stage::with(script, &[("plain", RECORDED)], ":");
    let mut run = stage.run();
    let begun = run.next().unwrap();
    assert_eq!(begun["news"], "run");
    assert_eq!(begun["command"], "cargo run -p ch01-x");
    assert_eq!(begun["lanes"], json!(["shop", "worker 1"]));
    run.wait("start");
    // The listing still runs, and tells its knobs beside that.
    let both = [run.next().unwrap(), run.next().unwrap()];
    let of = |kind: &str| both.iter().find(|it| it["news"] == kind).unwrap();
    assert_eq!(
        of("knobs")["knobs"][0],
        json!({
            "name": "ack",
            "about": "When the broker may forget",
            "default": "manual",
            "values": ["manual", "auto"],
        })
    );
    let line = of("line");
    assert_eq!(
        (&line["lane"], &line["text"]),
        (&json!("worker 1"), &json!("got o-1"))
    );
    assert!(line["ms"].is_u64());
    stage.repository.write("gate", "");
    let rest = run.rest();
    assert_eq!(kinds(&rest), ["line", "end"]);
    let end = &rest[1];
    let said = end["said"].as_str().unwrap();
    assert!(
        said.starts_with("Ended after ") && said.ends_with(" s with exit code 0."),
        "{said}"
    );
    assert_eq!(end["code"], 0);
    assert_eq!(end["equal"], true);
    assert_eq!(end["compared"], "Equals the recorded run.");
    let call = stage.repository.read("calls");
    let call = call.lines().last().unwrap();
    assert_eq!(
        call,
        "build --message-format=json-render-diagnostics --bins --package ch01-x"
    );
}

/// A script cannot ask for a broker; it can say whether it could.
#[test]
fn a_page_that_looks_inside_has_its_run_tapped() {
    let stage = Stage::new("echo \"shop  ${BOOK_TAP:+tapped}\"");
    let news = stage
        .ask(&json!({"listing": "ch01-x", "wire": true}))
        .rest();
    assert!(
        news.contains(&json!({"news": "wire", "rest": {}})),
        "{news:#?}"
    );
    let line = |news: &[Value]| {
        let line = news.iter().find(|it| it["news"] == "line");
        line.unwrap()["text"].clone()
    };
    assert_eq!(line(&news), "tapped");
    let news = stage.run().rest();
    assert!(!kinds(&news).contains(&"wire"), "{news:#?}");
    assert_eq!(line(&news), "");
}

#[test]
fn knobs_become_arguments_and_choose_the_recorded_run() {
    let auto = "```console\n$ cargo run -p ch01-x --features kafka -- --crash 2 --ack auto\n\
                shop  --crash 2 --ack auto\n```\n";
    let stage = Stage::with(
        "echo \"shop  $*\"; echo note >&2",
        &[("plain", RECORDED), ("auto", auto)],
        ":",
    );
    let mut run = stage.run_with(json!({"ack": "auto", "crash": "2"}));
    let command = &run.next().unwrap()["command"];
    assert_eq!(
        command,
        "cargo run -p ch01-x --features kafka -- --crash 2 --ack auto"
    );
    assert_eq!(run.wait("end")["equal"], true);
    let calls = stage.repository.read("calls");
    assert!(
        calls.ends_with("--package ch01-x --features kafka\n"),
        "{calls}"
    );

    // A run that is not recorded is built with what the recorded ones need.
    let mut run = stage.run_with(json!({"crash": "2"}));
    let command = &run.next().unwrap()["command"];
    assert_eq!(command, "cargo run -p ch01-x --features kafka -- --crash 2");
    let end = run.wait("end");
    assert_eq!(end["equal"], Value::Null);
    assert_eq!(end["compared"], "No run with these knobs is recorded.");
}

#[test]
fn another_output_is_shown_as_a_difference() {
    let script = "echo 'shop  sent o-1'; echo 'worker 1  got o-2'; echo from stderr >&2; exit 3";
    let stage = Stage::with(script, &[("plain", RECORDED)], ":");
    let news = stage.run().rest();
    assert!(
        news.contains(&json!({"news": "note", "text": "from stderr"})),
        "{news:#?}"
    );
    let end = news.last().unwrap();
    assert_eq!(end["code"], 3);
    assert_eq!(end["equal"], false);
    assert_eq!(end["compared"], "Differs from the recorded run.");
    let difference = end["difference"].as_str().unwrap();
    assert!(
        difference.contains("-worker 1  got o-1\n+worker 1  got o-2"),
        "{difference}"
    );
}

#[test]
fn an_exit_code_belongs_to_the_run() {
    let stage = Stage::with(
        "echo 'shop  sent o-1'; echo 'worker 1  got o-1'; exit 3",
        &[("plain", RECORDED)],
        ":",
    );
    let end = stage.run().end();
    assert_eq!(end["equal"], false);
    assert_eq!(end["difference"], "-exit code 0\n+exit code 3");
    let unknown = Stage::with("echo 'stranger  here'", &[("plain", RECORDED)], ":");
    let end = unknown.run().end();
    assert_eq!(end["equal"], false);
    assert!(
        end["difference"]
            .as_str()
            .unwrap()
            .contains("the lane `stranger`")
    );
}

#[test]
fn what_does_not_compile_is_told_in_the_compilers_words() {
    let cargo = "case $1 in build) echo '   Compiling ch01-x v0.1.0' >&2
        printf '    Building [==>    ] 3/7: ch01-x\\r' >&2
        printf 'error[E0425]: cannot find it\\n --> src/main.rs:1:1\\n' >&2; exit 101;; esac";
    let stage = Stage::with("echo ran > ran", &[], cargo);
    let news = stage.run().rest();
    assert_eq!(kinds(&news), ["run", "build", "note", "note", "end"]);
    assert_eq!(news[1], json!({"news": "build", "done": 3, "of": 7}));
    assert_eq!(news[2]["text"], "error[E0425]: cannot find it");
    assert_eq!(news[3]["text"], " --> src/main.rs:1:1");
    assert_eq!(
        news[4]["said"],
        "It does not compile; the compiler's words are above."
    );
    assert!(!stage.repository.has("ran"));
}

#[test]
fn a_stop_ends_the_build_or_the_listing() {
    let stage = Stage::new("echo $$; sleep 1000");
    let mut run = stage.run();
    let begun = run.next().unwrap();
    let listing: u32 = run.wait("line")["text"].as_str().unwrap().parse().unwrap();
    assert_eq!(stage.stop(&begun).status, 200);
    assert_eq!(run.end()["said"], "Stopped while it ran.");
    assert!(!runs(listing), "it is gone before the page is told");
    let again = stage.stop(&begun);
    assert_eq!(
        (again.status, again.body.as_str()),
        (404, "There is no such run any more.\n")
    );

    let cargo = "case $1 in build) echo $$ > building; mv building built; sleep 1000;; esac";
    let stage = Stage::with("echo never", &[], cargo);
    let mut run = stage.run();
    let begun = run.next().unwrap();
    let pid = until("it builds", || {
        stage
            .repository
            .has("built")
            .then(|| stage.repository.read("built"))
    });
    assert_eq!(stage.stop(&begun).status, 200);
    assert_eq!(run.end()["said"], "Stopped while it was built.");
    assert!(!runs(pid.trim().parse().unwrap()));
}

/// With cargo itself: the build waits for the test, so cargo has the time to draw its bar.
#[test]
fn cargos_own_progress_is_told() {
    let repository = Repository::new();
    repository.chapter("ch01-x", "fn main() { println!(\"shop  sent o-1\"); }");
    let wait = "fn main() { while !std::path::Path::new(\"go\").exists() { \
                std::thread::sleep(std::time::Duration::from_millis(10)); } }";
    repository.write("chapters/ch01-x/build.rs", wait);
    let server = Server::start(&repository);
    let stage = Stage::of(repository, server);
    let mut run = stage.run();
    let progress = run.wait("build");
    let (done, of) = (
        progress["done"].as_u64().unwrap(),
        progress["of"].as_u64().unwrap(),
    );
    assert!(done < of, "{progress}");
    stage.repository.write("chapters/ch01-x/go", "");
    let line = run.wait("line");
    assert_eq!(
        (&line["lane"], &line["text"]),
        (&json!("shop"), &json!("sent o-1"))
    );
    assert_eq!(run.end()["code"], 0);
}

/// Cargo is asked once, and again when a source has been saved since.
#[test]
fn what_is_built_and_unchanged_is_not_built_again() {
    let cargo = "printf 'program: %s/src/main.rs\\n' \"$PWD\" > listing.d";
    let stage = Stage::with("echo 'shop  sent o-1'", &[], cargo);
    stage.repository.write("src/main.rs", "// as it was");
    // What was saved in the very moment in which cargo is asked counts as saved later.
    let saved = std::time::SystemTime::now() - Duration::from_secs(60);
    let folder = stage.repository.path();
    for file in ["src/main.rs", "listing.sh"] {
        let file = std::fs::File::open(folder.join(file)).unwrap();
        file.set_modified(saved).unwrap();
    }
    let calls = || {
        let calls = stage.repository.read("calls");
        calls.lines().filter(|it| it.contains("ch01-x")).count()
    };
    for _ in 0..2 {
        assert_eq!(stage.run().end()["code"], 0);
        assert_eq!(calls(), 1);
    }
    stage.repository.write("src/main.rs", "// as it is now");
    assert_eq!(stage.run().end()["code"], 0);
    assert_eq!(calls(), 2);
}
