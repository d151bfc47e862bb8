//! ch05-choose: every combination of answers gets a choice that holds together.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::LazyLock;

use book_tests::book;
use book_tests::programs::programs;

/// The questions, with the answers that each may get.
const QUESTIONS: [(&str, &[&str]); 6] = [
    ("--waits", &["no", "yes"]),
    ("--lost", &["no", "yes"]),
    ("--again", &["no", "yes"]),
    ("--order", &["no", "yes"]),
    ("--retry", &["no", "yes"]),
    ("--runs", &["none", "nats", "rabbitmq", "kafka"]),
];

fn run(answers: &[&str]) -> Output {
    let program = programs().path("ch05-choose").unwrap();
    let given = QUESTIONS.iter().zip(answers);
    let given = given.flat_map(|((question, _), answer)| [*question, *answer]);
    Command::new(program).args(given).output().unwrap()
}

/// The lines of the output by what stands before their first two spaces.
fn lanes(output: &Output) -> Lanes {
    assert!(output.status.success(), "{output:?}");
    let mut lanes: Lanes = BTreeMap::new();
    for line in std::str::from_utf8(&output.stdout).unwrap().lines() {
        let (lane, text) = line.split_once("  ").unwrap();
        lanes.entry(lane.into()).or_default().push(text.into());
    }
    lanes
}

type Lanes = BTreeMap<String, Vec<String>>;

/// What is said to each combination of answers.
fn all() -> &'static BTreeMap<Vec<&'static str>, Lanes> {
    static ALL: LazyLock<BTreeMap<Vec<&str>, Lanes>> = LazyLock::new(|| {
        let said = |answers: Vec<&'static str>| (answers.clone(), lanes(&run(&answers)));
        combinations().into_iter().map(said).collect()
    });
    &ALL
}

/// All combinations of answers.
fn combinations() -> Vec<Vec<&'static str>> {
    let mut all = vec![Vec::new()];
    for (_, answers) in QUESTIONS {
        let longer = all.iter().flat_map(|begun: &Vec<&str>| {
            answers
                .iter()
                .map(move |answer| [begun.as_slice(), &[*answer]].concat())
        });
        all = longer.collect();
    }
    all
}

/// What is chosen, such as `kafka: a topic`; `none` where nothing fits.
fn chosen(lanes: &Lanes) -> String {
    let choice = &lanes["choice"][1];
    choice
        .strip_prefix("none")
        .map_or(choice.clone(), |_| "none".into())
}

#[test]
fn what_is_chosen_fits_and_its_pages_exist() {
    let pages = book().unwrap().pages().unwrap();
    let mut ever = BTreeMap::new();
    for (answers, lanes) in all() {
        let choice = chosen(lanes);
        *ever.entry(choice.clone()).or_insert(0) += 1;
        let fitting: usize = ["nats", "rabbit", "kafka"]
            .iter()
            .map(|broker| {
                lanes[*broker]
                    .iter()
                    .filter(|it| it.ends_with(": fits"))
                    .count()
            })
            .sum();
        assert_eq!(lanes["choice"][0], format!("fits {fitting} of 5 shapes"));
        assert_eq!(choice == "none", fitting == 0, "{answers:?}");
        if let Some((broker, shape)) = choice.split_once(": ") {
            assert!(
                lanes[broker].contains(&format!("{shape}: fits")),
                "{answers:?}"
            );
            let read = lanes["choice"]
                .iter()
                .find_map(|it| it.strip_prefix("read "));
            for page in read.unwrap().split(", ") {
                assert!(
                    pages.iter().any(|it| it.slug == page),
                    "there is no page {page}"
                );
            }
        }
    }
    // No shape stands in the list for nothing.
    assert_eq!(ever.len(), 6, "{ever:?}");
}

#[test]
fn every_question_can_change_the_choice() {
    for (place, (question, answers)) in QUESTIONS.iter().enumerate() {
        let changes = combinations().into_iter().any(|mut given| {
            let choices = answers.iter().map(|answer| {
                given[place] = answer;
                chosen(&all()[&given])
            });
            let choices: Vec<String> = choices.collect();
            choices.iter().any(|choice| choice != &choices[0])
        });
        assert!(changes, "{question} changes nothing");
    }
}

#[test]
fn a_broker_that_runs_already_is_preferred_where_it_fits() {
    let with = |runs| chosen(&all()[["no", "no", "yes", "no", "no", runs].as_slice()]);
    assert_eq!(with("none"), "nats: a JetStream stream");
    assert_eq!(with("rabbitmq"), "rabbit: a stream");
    assert_eq!(with("kafka"), "kafka: a topic");
}

#[test]
fn an_answer_that_is_none_is_refused_with_those_that_are() {
    let program = programs().path("ch05-choose").unwrap();
    let output = Command::new(program)
        .args(["--lost", "maybe"])
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("possible values: no, yes"), "{told}");
}

/// With a terminal and without options it asks, and asks again where the answer is none of them.
#[test]
fn on_a_terminal_it_asks() {
    let program = programs().path("ch05-choose").unwrap();
    // `script` gives it a terminal.
    let mut script = Command::new("script");
    script.args(["-qec", program.to_str().unwrap(), "/dev/null"]);
    let answers = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(answers.path(), "no\nno\nperhaps\nno\nyes\nno\nkafka\n").unwrap();
    script.stdin(std::fs::File::open(answers.path()).unwrap());
    let told = script.output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(
        told.contains("Does the sender wait for an answer? (no or yes)"),
        "{told}"
    );
    assert!(told.contains("please say no or yes"), "{told}");
    assert!(told.contains("choice  kafka: a topic"), "{told}");
}
