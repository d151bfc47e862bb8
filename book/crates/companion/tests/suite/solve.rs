//! An exercise, solved on its page.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::exercise::{MAIN, script, serve, served, with_exercise};
use crate::common::http::Answer;
use crate::common::page::{Run, Stage};
use crate::common::program::{runs, until};

/// A write and what is answered.
fn ask(stage: &Stage, what: &str, body: &Value) -> (u16, Value) {
    let answer = stage.post(&format!("/-/solve/{what}"), &body.to_string());
    let value = serde_json::from_str(&answer.body);
    (answer.status, value.unwrap_or(Value::String(answer.body)))
}

fn open(stage: &Stage) -> Value {
    let (status, opened) = ask(stage, "open", &json!({"exercise": "ex03-once"}));
    assert_eq!(status, 200, "{opened}");
    opened
}

fn save(stage: &Stage, version: &Value, text: &str) -> (u16, Value) {
    let body = json!({"exercise": "ex03-once", "version": version, "text": text});
    ask(stage, "save", &body)
}

fn draft(stage: &Stage, seen: u64, text: &str) -> (u16, Value) {
    let draft = json!({"base": "none", "text": text, "at": 7, "history": "{\"done\":[]}"});
    let body = json!({"exercise": "ex03-once", "seen": seen, "draft": draft});
    ask(stage, "draft", &body)
}

/// Begins a grading.
fn grade(stage: &Stage, body: &Value) -> Run {
    let run = Run::read(stage.send_to("/-/solve/grade", body));
    assert_eq!(run.status, 200);
    run
}

#[test]
fn an_answer_is_opened_and_saved() {
    let stage = served(with_exercise("ex03-once"));
    let opened = open(&stage);
    assert_eq!(
        (&opened["text"], &opened["stub"]),
        (&json!("// stub\n"), &json!(true))
    );
    assert_eq!(opened["file"], MAIN);
    assert_eq!(opened["kept"], Value::Null);
    let (status, saved) = save(&stage, &opened["version"], "// mine: ä\r\n");
    assert_eq!(status, 200, "{saved}");
    assert_eq!(stage.repository.read(MAIN), "// mine: ä\r\n");
    let again = open(&stage);
    assert_eq!(
        (&again["text"], &again["stub"]),
        (&json!("// mine: ä\r\n"), &json!(false))
    );
    assert_eq!(again["version"], saved["version"]);
    // What is as it should be needs no version.
    let (status, same) = save(&stage, &opened["version"], "// mine: ä\r\n");
    assert_eq!((status, &same["version"]), (200, &saved["version"]));
}

#[test]
fn a_file_that_was_changed_meanwhile_stays() {
    let stage = served(with_exercise("ex03-once"));
    let opened = open(&stage);
    stage.repository.write(MAIN, "// stub\n// theirs\n");
    let (status, now) = save(&stage, &opened["version"], "// stub\n// mine\n");
    assert_eq!(status, 409);
    assert_eq!(now["text"], "// stub\n// theirs\n");
    let difference = now["difference"].as_str().unwrap();
    assert!(
        difference.ends_with(" // stub\n-// theirs\n+// mine"),
        "{difference}"
    );
    assert_eq!(stage.repository.read(MAIN), "// stub\n// theirs\n");
    let (status, _) = save(&stage, &now["version"], "// stub\n// mine\n");
    assert_eq!(status, 200);
    assert_eq!(stage.repository.read(MAIN), "// stub\n// mine\n");
}

#[test]
fn a_file_that_is_gone_is_written_again() {
    let stage = served(with_exercise("ex03-once"));
    std::fs::remove_file(stage.repository.path().join(MAIN)).unwrap();
    let opened = open(&stage);
    assert_eq!(
        (&opened["text"], &opened["version"]),
        (&json!(""), &json!("none"))
    );
    assert_eq!(save(&stage, &opened["version"], "").0, 200);
    assert_eq!(stage.repository.read(MAIN), "");
}

#[test]
fn of_two_saves_at_once_one_is_told_of_the_other() {
    let stage = served(with_exercise("ex03-once"));
    for round in 0..8 {
        let version = &open(&stage)["version"];
        let texts = ["one", "two"].map(|it| format!("// {it} {round}\n"));
        let bodies = texts
            .each_ref()
            .map(|text| json!({"exercise": "ex03-once", "version": version, "text": text}));
        let sent = bodies.map(|body| stage.send_to("/-/solve/save", &body));
        let answers = sent.map(|mut stream| {
            let answer = Answer::read(&mut stream);
            let now: Value = serde_json::from_str(&answer.body).unwrap();
            (answer.status, now)
        });
        let mut statuses = answers.each_ref().map(|(status, _)| *status);
        let won = answers
            .iter()
            .position(|(status, _)| *status == 200)
            .unwrap();
        assert_eq!(answers[1 - won].1["text"], texts[won].as_str());
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
        assert_eq!(stage.repository.read(MAIN), texts[won]);
    }
}

#[test]
fn a_draft_outlives_the_server_and_its_port() {
    let stage = served(with_exercise("ex03-once"));
    let (status, first) = draft(&stage, 0, "// typed\n");
    assert_eq!((status, &first["number"]), (200, &json!(1)));
    assert_eq!(draft(&stage, 1, "// typed\n// more\n").1["number"], 2);
    assert_eq!(stage.repository.read(MAIN), "// stub\n", "nothing is saved");
    let Stage {
        repository,
        mut server,
        ..
    } = stage;
    server.program.signal(Signal::KILL);
    server.program.end();
    let stage = served(repository);
    let kept = &open(&stage)["kept"];
    assert_eq!(kept["number"], 2);
    assert_eq!(kept["draft"]["text"], "// typed\n// more\n");
    assert_eq!(kept["draft"]["history"], "{\"done\":[]}");
}

/// Two windows, or two servers.
#[test]
fn a_draft_does_not_replace_one_that_its_editor_has_not_seen() {
    let stage = served(with_exercise("ex03-once"));
    let other = Stage::of(with_exercise("ex03-once"), serve(&stage.repository));
    assert_eq!(draft(&stage, 0, "// mine\n").0, 200);
    let (status, now) = draft(&other, 0, "// theirs\n");
    assert_eq!(status, 409);
    assert_eq!(now["kept"]["draft"]["text"], "// mine\n");
    assert!(now["difference"].as_str().unwrap().contains("+// theirs"));
    assert_eq!(draft(&other, 1, "// theirs\n").1["number"], 2);
}

#[test]
fn a_reset_keeps_a_copy() {
    let stage = served(with_exercise("ex03-once"));
    stage.repository.write(MAIN, "// mine\n");
    let version = &open(&stage)["version"];
    let reset = |version: &Value| {
        ask(
            &stage,
            "reset",
            &json!({"exercise": "ex03-once", "version": version}),
        )
    };
    let (status, now) = reset(&json!("none"));
    assert_eq!((status, &now["text"]), (409, &json!("// mine\n")));
    assert_eq!(stage.repository.read(MAIN), "// mine\n");
    let (status, fresh) = reset(version);
    assert_eq!(status, 200, "{fresh}");
    assert_eq!(fresh["text"], "// stub\n");
    assert_eq!(fresh["copy"], ".book/answers/ex03-once-1.rs");
    assert_eq!(
        stage.repository.read(".book/answers/ex03-once-1.rs"),
        "// mine\n"
    );
    assert_eq!(reset(&fresh["version"]).1["copy"], Value::Null);
}

#[test]
fn a_hint_is_counted_as_the_command_line_counts() {
    let stage = served(with_exercise("ex03-once"));
    let hint = |hint: u32| {
        ask(
            &stage,
            "hint",
            &json!({"exercise": "ex03-once", "hint": hint}),
        )
        .0
    };
    assert_eq!([hint(2), hint(1), hint(0), hint(4)], [200, 200, 422, 422]);
    let progress = stage.repository.read(".book/progress.json");
    assert!(progress.contains("\"hints\": 2"), "{progress}");
}

/// What a grader writes.
const REPORT: &str = r#"echo "graded $*"
echo '{"verdict":"lost-message","why":["o-3 is gone"],"faults":1,"ms":7,"brokers":[],"moments":[{"ms":5,"lane":"wire","text":"cut"}],"strip":"<svg/>","log":[]}' > "$GRADE_REPORT"
exit 1"#;

#[test]
fn a_verdict_comes_with_what_led_to_it() {
    let repository = with_exercise("ex03-once");
    script(&repository, "grader.sh", REPORT);
    let solution = "[package]\nname = \"sol03-once\"\n[package.metadata.book.naive]\n\
                    early = { verdict = \"lost-message\", misconception = \"M05\" }\n\
                    late = { verdict = \"duplicate\", misconception = \"M06\" }\n";
    repository.write("solutions/ex03-once/Cargo.toml", solution);
    let belief = |id: &str| {
        format!("[{id}]\nsays = \"{id}!\"\nclaim = \"rabbit.unacked.requeued\"\npage = \"index\"\n")
    };
    let beliefs = belief("M05") + &belief("M06");
    repository.write("book/misconceptions.toml", &beliefs);
    let stage = served(repository);
    let mut news = grade(&stage, &json!({"exercise": "ex03-once"})).rest();
    let end = news.pop().unwrap();
    assert_eq!(
        end,
        json!({"news": "end", "said": "Graded in 0.0 s: lost-message."})
    );
    let verdict = news.pop().unwrap();
    assert_eq!(
        verdict,
        json!({
            "news": "verdict", "verdict": "lost-message", "passed": false, "why": ["o-3 is gone"],
            "beliefs": [{"id": "M05", "says": "M05!"}],
            "moments": [{"ms": 5, "lane": "wire", "text": "cut"}],
            "strip": "<svg/>",
        })
    );
    assert_eq!(
        news,
        [
            json!({"news": "grading", "grading": 1, "command": "cargo book grade ex03-once"}),
            json!({"news": "start"}),
            json!({"news": "line", "text": "graded "}),
        ]
    );
    assert_eq!(
        stage.repository.read("calls"),
        "build --message-format=json --package ex03-once --test grade\n"
    );
}

#[test]
fn what_does_not_compile_is_told_at_its_place() {
    let repository = with_exercise("ex03-once");
    // A span brings its line of the answer along, however long that is.
    let span = json!({"file_name": MAIN, "is_primary": true, "line_start": 3, "line_end": 3,
                      "column_start": 5, "column_end": 9, "text": [{"text": "x".repeat(70_000)}]});
    let message = json!({"reason": "compiler-message", "message": {"level": "error",
        "message": "mismatched types", "rendered": "error[E0308]: mismatched types\n", "spans": [span]}});
    let cargo = format!(
        "printf '    Building [==>    ] 3/7: ex03-once\\r' >&2\ncat <<'END'\n{message}\nEND\n\
         echo 'error: could not compile it' >&2; exit 101"
    );
    script(&repository, "cargo.sh", &cargo);
    let stage = served(repository);
    let news = grade(&stage, &json!({"exercise": "ex03-once"})).rest();
    let of = |kind: &str| news.iter().find(|it| it["news"] == kind).unwrap();
    assert_eq!(of("build"), &json!({"news": "build", "done": 3, "of": 7}));
    let place = json!({"line": 3, "column": 5, "end_line": 3, "end_column": 9});
    assert_eq!(of("problem")["place"], place);
    assert_eq!(
        of("problem")["rendered"],
        "error[E0308]: mismatched types\n"
    );
    assert_eq!(of("note")["text"], "error: could not compile it");
    let said = "It does not compile; the compiler's words are above.";
    assert_eq!(of("end")["said"], said);
    assert!(!news.iter().any(|it| it["news"] == "start"));
}

#[test]
fn where_the_reader_predicts_there_is_a_choice() {
    let repository = with_exercise("ex03-once");
    script(&repository, "grader.sh", REPORT);
    let manifest = repository
        .read("exercises/ex03-once/Cargo.toml")
        .replace("build", "judge");
    repository.write("exercises/ex03-once/Cargo.toml", &manifest);
    let solution = "[package]\nname = \"sol03-once\"\n[package.metadata.book.naive]\n\
                    early = { verdict = \"lost-message\", misconception = \"M05\" }\n\
                    late = { verdict = \"passed\", misconception = \"M05\" }\n";
    repository.write("solutions/ex03-once/Cargo.toml", solution);
    let readme = repository.read("exercises/ex03-once/README.md");
    let readme = readme.replace("Write it.", "One is `lost-message`, `src` or `passed`.");
    repository.write("exercises/ex03-once/README.md", &readme);
    let stage = served(repository);
    let opened = open(&stage);
    let choice = json!({"programs": ["early", "late"], "verdicts": ["lost-message", "passed"]});
    assert_eq!(opened, choice);
    let guesses = json!({"early": "passed", "late": "lost-message"});
    let mut graded = grade(
        &stage,
        &json!({"exercise": "ex03-once", "guesses": guesses}),
    );
    let line = graded.wait("line");
    assert_eq!(
        line["text"],
        "graded --guess early=passed --guess late=lost-message"
    );
    assert_eq!(graded.end()["said"], "Graded in 0.0 s: lost-message.");
    assert_eq!(save(&stage, &json!("none"), "// mine\n").0, 422);
    assert_eq!(draft(&stage, 0, "// mine\n").0, 422);
}

#[test]
fn a_grader_without_a_report_is_told() {
    let stage = served(with_exercise("ex03-once"));
    let end = grade(&stage, &json!({"exercise": "ex03-once"})).end();
    let said = "There is no verdict: the grader ended with exit code 7; its words are above.";
    assert_eq!(end["said"], said);
}

#[test]
fn a_stop_asks_the_grader_to_end_and_ends_the_build() {
    let repository = with_exercise("ex03-once");
    let clean = "trap 'echo cleans; exit 130' TERM; echo $$; while :; do sleep 0.1; done";
    script(&repository, "grader.sh", clean);
    let stage = served(repository);
    let stop = |begun: &Value| ask(&stage, "stop", &json!({"grading": begun["grading"]})).0;
    let mut graded = grade(&stage, &json!({"exercise": "ex03-once"}));
    let begun = graded.next().unwrap();
    let pid: u32 = graded.wait("line")["text"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(stop(&begun), 200);
    assert_eq!(graded.end()["said"], "Stopped while it was graded.");
    assert!(!runs(pid), "it is gone before the page is told");
    assert_eq!(stop(&begun), 404);

    script(
        &stage.repository,
        "cargo.sh",
        "echo $$ > building; mv building built; sleep 1000",
    );
    let mut graded = grade(&stage, &json!({"exercise": "ex03-once"}));
    let begun = graded.next().unwrap();
    let pid = until("it builds", || {
        let built = stage.repository.has("built");
        built.then(|| stage.repository.read("built"))
    });
    assert_eq!(stop(&begun), 200);
    assert_eq!(graded.end()["said"], "Stopped while it was built.");
    assert!(!runs(pid.trim().parse().unwrap()));
}

#[test]
fn a_lock_that_another_program_keeps_is_told() {
    let repository = with_exercise("ex03-once");
    let stage = served(repository);
    let own = stage.repository.path().join(".book");
    std::fs::create_dir_all(&own).unwrap();
    let held = std::fs::File::create(own.join("answers.lock")).unwrap();
    held.lock().unwrap();
    let (status, told) = ask(&stage, "open", &json!({"exercise": "ex03-once"}));
    assert_eq!(status, 500, "{told}");
    held.unlock().unwrap();
    open(&stage);
}
