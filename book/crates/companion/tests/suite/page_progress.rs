//! What a served page notes of its reader, shows, gives away, takes in and forgets.

use std::thread::scope;

use catalog::Catalog;
use serde_json::{Value, json};

use crate::common::Repository;
use crate::common::http::Answer;
use crate::common::page::Stage;
use crate::serve::Builds;

const FILE: &str = ".book/progress.json";
const RECORDED: &str = "```console\n$ cargo run -p ch01-x\nshop  sent o-1\n```\n";
const SUMMARY: &str = "[First](index.md)\n\n# Part\n\n- [X](ch01-x.md)\n- [Words](words.md)\n\n\
                       ---\n\n[Second](second.md)\n";

/// A book whose page `ch01-x` asks for a prediction, as its first page does, and whose listing does
/// `script`.
pub fn stage(script: &str) -> Stage {
    let stage = Stage::with(script, &[("default", RECORDED)], ":");
    let mut builds = Builds::follow(&stage.server);
    builds.next();
    pages(&stage.repository);
    // All of it is written by then: no test meets the build of its own book.
    builds.next();
    stage
}

fn pages(repository: &Repository) {
    repository.prediction("ch01-x", "one");
    repository.write("book/src/index.md", "# First\n\n{{#predict ch01-x/one}}\n");
    repository.write("book/src/ch01-x.md", "# X\n\n{{#predict one}}\n");
    repository.write("book/src/words.md", "# Words\n\n{{#reference words}}\n");
    repository.write("book/src/SUMMARY.md", SUMMARY);
}

fn parsed(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    serde_json::from_str(&answer.body).unwrap()
}

fn ask(stage: &Stage, path: &str, body: &Value) -> Value {
    parsed(&stage.post(&format!("/-/progress{path}"), &body.to_string()))
}

fn show(stage: &Stage) -> Value {
    ask(stage, "", &json!({}))
}

#[test]
fn a_reader_who_has_done_nothing_is_shown_what_there_is() {
    let stage = stage(":");
    let page = |slug: &str, runs: usize| {
        json!({
            "slug": slug, "pages": [0, 1], "runs": [0, runs], "predictions": [0, 1], "right": 0,
            "exercises": [0, 0], "others": 0
        })
    };
    let shown = show(&stage);
    assert_eq!(shown["pages"], json!([page("index", 0), page("ch01-x", 1)]));
    assert_eq!(shown["all"]["pages"], json!([0, 2]));
    assert_eq!(shown["predict"], json!({}));
    assert_eq!(shown["file"], FILE);
    assert!(!stage.repository.has(FILE), "who only looks writes nothing");
}

#[test]
fn pages_and_answers_are_noted_and_shown() {
    let stage = stage(":");
    let read = ask(&stage, "/read", &json!({"page": "ch01-x"}));
    assert_eq!(read["pages"][1]["pages"], json!([1, 1]));
    assert_eq!(read["all"]["pages"], json!([1, 2]));
    let answer = |page: &str, option: usize| {
        let body = json!({"page": page, "prediction": "ch01-x/one", "option": option});
        ask(&stage, "/predict", &body)
    };
    let wrong = json!({"option": 0, "right": false});
    let right = json!({"option": 1, "right": true});
    assert_eq!(
        answer("ch01-x", 0)["predict"]["ch01-x"]["ch01-x/one"],
        wrong
    );
    assert_eq!(
        answer("ch01-x", 1)["predict"]["ch01-x"]["ch01-x/one"],
        right
    );
    // Another page that asks for the same has an answer of its own.
    let both = answer("index", 0);
    assert_eq!(both["predict"]["index"]["ch01-x/one"], wrong);
    assert_eq!(both["predict"]["ch01-x"]["ch01-x/one"], right);
    assert_eq!(both["all"]["predictions"], json!([2, 2]));
    assert_eq!(both["all"]["right"], 1);
    assert_eq!(show(&stage), both);
    let kept: Value = serde_json::from_str(&stage.repository.read(FILE)).unwrap();
    assert_eq!(kept["pages"], json!({"ch01-x": true}));
    assert_eq!(kept["predict"], both["predict"]);
}

#[test]
fn a_run_to_its_end_counts_as_tried_and_tells_the_facts() {
    let stage = stage("echo 'shop  sent o-1'; [ \"$1\" != --ack ] || echo 'shop  sent o-2'");
    let end = stage.run().end();
    assert_eq!(end["equal"], true);
    assert_eq!(end["facts"], json!({"ch01-x/one": 1}));
    assert_eq!(show(&stage)["pages"][1]["runs"], json!([1, 1]));
    let other = stage.run_with(json!({"ack": "auto"})).end();
    assert_eq!(other["facts"], json!({}), "no recorded run has these knobs");
    let shown = show(&stage);
    assert_eq!(shown["pages"][1]["runs"], json!([1, 1]));
    assert_eq!(shown["pages"][1]["others"], 1);
}

#[test]
fn a_run_that_differs_tells_its_own_facts() {
    let stage = stage("echo 'shop  sent o-1'; echo 'shop  sent o-2'");
    let end = stage.run().end();
    assert_eq!(end["equal"], false);
    assert_eq!(end["facts"], json!({"ch01-x/one": 2}));
    // One without a lane of the listing's cannot be counted.
    let unknown = self::stage("echo 'nobody  sent o-1'");
    assert_eq!(unknown.run().end()["facts"], json!({}));
}

#[test]
fn a_run_that_was_stopped_does_not_count() {
    let stage = stage("echo 'shop  sent o-1'; exec sleep 1000");
    let mut run = stage.run();
    let begun = run.wait("run");
    run.wait("line");
    assert_eq!(stage.stop(&begun).status, 200);
    run.end();
    assert_eq!(show(&stage)["pages"][1]["runs"], json!([0, 1]));
    assert!(!stage.repository.has(FILE));
}

#[test]
fn what_was_exported_is_imported_after_a_reset() {
    let stage = stage(":");
    ask(&stage, "/read", &json!({"page": "index"}));
    let before = show(&stage);
    let exported = ask(&stage, "/export", &json!({}));
    assert_eq!(exported["v"], 1);
    let reset = ask(&stage, "/reset", &json!({}));
    assert_eq!(reset["all"]["pages"], json!([0, 2]));
    assert_eq!(reset["copy"], ".book/progress-1.json");
    assert!(!stage.repository.has(FILE));
    let copy: Value =
        serde_json::from_str(&stage.repository.read(".book/progress-1.json")).unwrap();
    assert_eq!(copy, exported);
    let imported = ask(&stage, "/import", &json!({"progress": exported}));
    assert_eq!(imported["copy"], Value::Null, "there was nothing to keep");
    assert_eq!(imported["all"], before["all"]);
    let again = ask(
        &stage,
        "/import",
        &json!({"progress": {"v": 1, "later": [1]}}),
    );
    assert_eq!(again["copy"], ".book/progress-2.json");
    assert!(stage.repository.read(FILE).contains("later"));
}

#[test]
fn what_is_no_progress_is_not_imported() {
    let stage = stage(":");
    ask(&stage, "/read", &json!({"page": "index"}));
    let before = stage.repository.read(FILE);
    for progress in [
        json!({}),
        json!({"v": 2}),
        json!({"v": "1"}),
        json!({"v": 1, "pages": []}),
        json!({"v": 1, "pages": {"index": 1}}),
        json!({"v": 1, "runs": {"ch01-x": {"default": -1}}}),
        json!({"v": 1, "predict": {"index": {"ch01-x/one": 1}}}),
        json!({"v": 1, "exercises": {"ex01": {"passed": "yes"}}}),
        json!({"v": 1, "pages": {"a".repeat(61_000): true}}),
    ] {
        let body = json!({"progress": progress}).to_string();
        let answer = stage.post("/-/progress/import", &body);
        assert_eq!(answer.status, 422, "{}", answer.body);
        assert!(answer.body.starts_with("it is no progress of this book: "));
        assert_eq!(stage.repository.read(FILE), before);
        assert!(!stage.repository.has(".book/progress-1.json"));
    }
}

#[test]
fn a_broken_file_is_told_and_never_overwritten() {
    let stage = stage("echo 'shop  sent o-1'");
    stage.repository.write(FILE, "{ half of it");
    let answer = json!({"page": "index", "prediction": "ch01-x/one", "option": 0});
    for (path, body) in [
        ("", json!({})),
        ("/read", json!({"page": "index"})),
        ("/predict", answer),
        ("/export", json!({})),
    ] {
        let answer = stage.post(&format!("/-/progress{path}"), &body.to_string());
        assert_eq!(answer.status, 409, "{path}");
        assert!(
            answer.body.contains("progress.json is malformed"),
            "{}",
            answer.body
        );
        assert!(answer.body.contains("--reset"), "{}", answer.body);
        assert_eq!(answer.body.matches('\n').count(), 1, "it is one sentence");
    }
    assert_eq!(stage.run().end()["code"], 0, "a listing runs all the same");
    assert_eq!(stage.repository.read(FILE), "{ half of it");
    ask(&stage, "/reset", &json!({}));
    assert_eq!(
        stage.repository.read(".book/progress-1.json"),
        "{ half of it"
    );
    assert_eq!(show(&stage)["all"]["pages"], json!([0, 2]));
}

/// The grader of the command line writes the same file.
#[test]
fn notes_and_verdicts_do_not_overwrite_each_other() {
    const EACH: usize = 12;
    let stage = stage(":");
    let progress = Catalog::open(stage.repository.path()).unwrap().progress();
    scope(|scope| {
        for _ in 0..EACH {
            scope.spawn(|| progress.graded("ex01-a", "hangs").unwrap());
        }
        for number in 0..EACH {
            let body = json!({"page": "index", "prediction": "ch01-x/one", "option": number % 2});
            ask(&stage, "/predict", &body);
            progress.hinted("ex01-a", number as u32).unwrap();
            ask(&stage, "/read", &json!({"page": "ch01-x"}));
        }
    });
    let record = progress.record().unwrap();
    assert_eq!(record.exercises["ex01-a"].runs as usize, EACH);
    assert!(record.pages["ch01-x"]);
    assert!(record.predict["index"].contains_key("ch01-x/one"));
}

/// A page that is read is not taken away under its reader; a solution that may be shown now is.
#[test]
fn only_an_exercise_that_is_passed_builds_the_book_anew() {
    let stage = stage(":");
    let mut builds = Builds::follow(&stage.server);
    let first = builds.next();
    ask(&stage, "/read", &json!({"page": "index"}));
    let progress = Catalog::open(stage.repository.path()).unwrap().progress();
    progress.graded("ex01-a", "hangs").unwrap();
    progress.graded("ex01-a", "passed").unwrap();
    assert_eq!(builds.next(), first + 1);
    ask(&stage, "/read", &json!({"page": "ch01-x"}));
    progress.graded("ex01-a", "passed").unwrap();
    ask(&stage, "/reset", &json!({}));
    assert_eq!(builds.next(), first + 2, "the solution is hidden again");
}
