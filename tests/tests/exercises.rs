//! Every exercise can be solved, and what a hasty engineer would write is refused for what it does.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use book_tests::programs::programs;
use book_tests::warm::Warm;
use book_tests::{book, none, root};
use catalog::{Rung, directives, shape};
use companion::grading::{Answer, PASSED, Report, answers};
use companion::toolchain;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many programs are graded at the same time. They wait more than they work.
const AT_ONCE: usize = 3;
/// How many exercises, at least, are solved in two ways that are unlike their solution.
const ANSWERED: usize = 5;
/// How many exercises there are at least.
const EXERCISES: usize = 15;
/// The verdict of a run that could not be judged.
const INCONCLUSIVE: &str = "inconclusive";
/// Stands for any verdict that refuses an answer.
const REFUSED: &str = "refused";

/// A lost message has a cause, and the report names it: an acknowledgement or a commit that came
/// before the work. Exercise, answer, words.
const CAUSES: [(&str, &str, &str); 2] = [
    (
        "ex02-ack-after-work",
        "naive-early",
        ": payments acknowledged o-",
    ),
    (
        "ex04-commit-after-work",
        "naive-auto",
        ": inventory committed offset ",
    ),
];

/// An answer under certain faults, and what must become of it.
struct Grading {
    answer: Answer,
    faults: String,
    expected: String,
}

#[test]
fn an_exercise_begins_with_the_stub_of_record() {
    let mut problems = Vec::new();
    let book = book().unwrap();
    for exercise in book.exercises().unwrap() {
        if exercise.rung == Rung::Judge {
            continue;
        }
        let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
        if read(exercise.main()) != read(exercise.stub()) {
            problems.push(format!(
                "{} differs from {}; copy the stub (`cargo book reset` keeps your answer)",
                book.shown(&exercise.main()),
                book.shown(&exercise.stub()),
            ));
        }
    }
    none(&problems);
}

#[test]
fn each_brokers_chapter_has_all_three_rungs() {
    let all = book().unwrap().exercises().unwrap();
    assert!(all.len() >= EXERCISES, "only {} exercises", all.len());
    for chapter in ["ex02-", "ex03-", "ex04-"] {
        let own = all.iter().filter(|it| it.id.starts_with(chapter));
        let rungs: BTreeSet<Rung> = own.map(|it| it.rung).collect();
        assert_eq!(rungs.len(), 3, "{chapter} has only {rungs:?}");
    }
}

#[test]
fn a_learners_package_has_the_dependencies_of_its_solution() {
    let manifest = |folder: &Path| -> toml::Table {
        let text = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        toml::from_str(&text).unwrap()
    };
    let mut problems = Vec::new();
    for exercise in book().unwrap().exercises().unwrap() {
        let id = &exercise.id;
        let (own, solved) = (manifest(&exercise.dir), manifest(&exercise.solution));
        for table in ["dependencies", "dev-dependencies"] {
            if own.get(table) != solved.get(table) {
                problems.push(format!(
                    "[{table}] of exercises/{id} and of solutions/{id} differ; make them the same"
                ));
            }
        }
    }
    none(&problems);
}

/// The programs that a learner begins with, linked and no more. The example is built already: with one,
/// cargo chooses the features as it did for all other programs, and compiles no library anew.
#[test]
fn the_learners_programs_build_without_a_warning() {
    let exercises = book().unwrap().exercises().unwrap();
    let written = exercises.iter().find(|it| it.rung != Rung::Judge).unwrap();
    programs();
    let mut cargo = toolchain::cargo();
    cargo.args(["build", "--workspace", "--message-format=json"]);
    cargo.args(["--example", &written.example("stub")]);
    for exercise in &exercises {
        cargo.args(["--bin", &exercise.id]);
    }
    let built = cargo.current_dir(root()).output().unwrap();
    let said = String::from_utf8_lossy(&built.stdout);
    let messages = said.lines().map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).unwrap();
        message
    });
    let warned = messages.filter(|it| {
        let file = it["target"]["src_path"].as_str().unwrap_or_default();
        let folder = root().join("exercises");
        it["reason"] == "compiler-message" && Path::new(file).starts_with(folder)
    });
    let told = warned.map(|it| {
        let text = it["message"]["rendered"].as_str();
        text.unwrap_or("a warning without words").to_owned()
    });
    none(&told.collect::<Vec<_>>());
    let errors = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{errors}");
}

#[test]
fn naive_answers_are_two_at_least_and_all_are_graded() {
    let book = book().unwrap();
    let misconceptions = book.misconceptions().unwrap();
    let pages: BTreeMap<String, String> = book
        .pages()
        .unwrap()
        .into_iter()
        .map(|page| (page.slug, std::fs::read_to_string(page.path).unwrap()))
        .collect();
    let mut problems = Vec::new();
    for exercise in book.exercises().unwrap() {
        let id = &exercise.id;
        // Where a learner predicts, one that passes is among them.
        let refused = exercise.naive.values().filter(|it| it.verdict != PASSED);
        if refused.count() < 2 {
            problems.push(format!(
                "solutions/{id} has fewer than two answers that are refused; add one"
            ));
        }
        let shown = pages.get(&exercise.page).is_some_and(|text| {
            let mut all = directives(text).into_iter();
            all.any(|it| it.name == "exercise" && it.argument == *id)
        });
        if !shown {
            let page = &exercise.page;
            problems.push(format!(
                "the page {page} does not show {id}; add {{{{#exercise {id}}}}}"
            ));
        }
        for (name, naive) in &exercise.naive {
            if !misconceptions.contains_key(&naive.misconception) {
                let unknown = &naive.misconception;
                problems.push(format!("{id}: {name} names {unknown}, which is unknown"));
            }
        }
        let mut written: Vec<String> = exercise.examples().unwrap();
        let mut named: Vec<String> = exercise
            .naive
            .keys()
            .map(|it| format!("naive-{it}"))
            .collect();
        named.push("stub".to_owned());
        named.extend(exercise.others.iter().map(|it| format!("other-{it}")));
        if exercise.rung == Rung::Judge {
            // Its variants stand in one file.
            named.clear();
        }
        named.sort();
        written.sort();
        if written != named {
            problems.push(format!(
                "solutions/{id}/examples has {written:?}, its manifest asks for {named:?}"
            ));
        }
    }
    none(&problems);
}

/// A grader that knows only one right program judges how it is built.
#[test]
fn some_exercises_are_answered_in_three_ways() {
    let exercises = book().unwrap().exercises().unwrap();
    let all = exercises.iter().filter(|it| it.others.len() >= 2);
    let all: Vec<&str> = all.map(|it| it.id.as_str()).collect();
    assert!(
        all.len() >= ANSWERED,
        "only {all:?} have two other answers; write solutions/ID/examples/ID-other-NAME.rs for \
         {ANSWERED} exercises at least"
    );
}

#[tokio::test]
async fn every_answer_gets_its_verdict() {
    let warm = Warm::start(programs()).unwrap();
    let (cache, gate) = (warm.cache().to_owned(), Arc::new(Semaphore::new(AT_ONCE)));
    let (mut running, mut problems) = (JoinSet::new(), Vec::new());
    for exercise in book().unwrap().exercises().unwrap() {
        let mut gradings = Vec::new();
        // How many faults its story has, and which of them have struck no right answer so far.
        let (mut faults, mut left) = (0, Vec::new());
        for answer in answers(&exercise).unwrap() {
            if answer.verdict == PASSED && (faults == 0 || !left.is_empty()) {
                let right = Grading::new(&answer, "on", PASSED);
                let report = right.run(&cache).await.unwrap();
                assert_eq!(right.wrong(&report), None);
                if faults == 0 {
                    faults = report.faults;
                    left.extend(1..=faults);
                }
                // Where a story has more of them for one answer than for another, their numbers differ.
                if report.faults == faults {
                    let struck = left.extract_if(.., |place| !report.placeless.contains(place));
                    // Without a fault it cannot be told whether the program would have stood it.
                    let skips = struck.map(|place| format!("skip:{place}"));
                    gradings.extend(skips.map(|skip| Grading::new(&answer, &skip, INCONCLUSIVE)));
                }
            } else {
                gradings.push(Grading::new(&answer, "on", &answer.verdict));
                // The story of this variant may be another one than that of the variant that passes.
                if answer.variant.is_some() && answer.verdict != PASSED && answer.sound {
                    gradings.push(Grading::new(&answer, "skip:1", INCONCLUSIVE));
                }
            }
            if answer.sound && answer.name != "solution" {
                gradings.push(Grading::new(&answer, "off", PASSED));
            } else if !answer.sound && answer.verdict != PASSED && answer.name != "stub" {
                // Its manifest says why.
                gradings.push(Grading::new(&answer, "off", REFUSED));
            }
        }
        problems.extend(left.iter().map(|place| {
            let id = &exercise.id;
            format!("{id}: fault {place} strikes in no right answer; write one in which it does")
        }));
        for grading in gradings {
            let (gate, cache) = (gate.clone(), cache.clone());
            running.spawn(async move {
                let _turn = gate.acquire().await.unwrap();
                grading.problem(&cache).await
            });
        }
    }
    while let Some(done) = running.join_next().await {
        problems.extend(done.unwrap());
    }
    none(&problems);
}

impl Grading {
    fn new(answer: &Answer, faults: &str, expected: &str) -> Grading {
        Grading {
            answer: answer.clone(),
            faults: faults.to_owned(),
            expected: expected.to_owned(),
        }
    }

    async fn run(&self, cache: &Path) -> anyhow::Result<Report> {
        let grader = programs().grader(&self.answer.exercise)?;
        let program = programs().path(&self.answer.program)?;
        let answer = &self.answer;
        answer
            .grade((grader, program), &self.faults, 0, Some(cache))
            .await
    }

    /// Whether the recorded run, where there is one, tells what happened in this one.
    fn is_recorded(&self, report: &Report) -> bool {
        let (Some(variant), "on") = (&self.answer.variant, &*self.faults) else {
            return true;
        };
        let exercise = book().unwrap().exercise(&self.answer.exercise).unwrap();
        let recorded = exercise.recorded().unwrap();
        let recorded = recorded.get(variant);
        recorded.is_none_or(|text| shape(text.lines()) == shape(&report.log))
    }

    /// Whether the report names the cause that is asked for.
    fn is_explained(&self, report: &Report) -> bool {
        let own = |(exercise, name, _): &&(&str, &str, &str)| {
            self.faults == "on" && *exercise == self.answer.exercise && *name == self.answer.name
        };
        let cause = CAUSES.iter().find(own);
        cause.is_none_or(|(.., words)| report.why.iter().any(|why| why.contains(words)))
    }

    async fn problem(&self, cache: &Path) -> Option<String> {
        match self.run(cache).await {
            Ok(report) => self.wrong(&report),
            Err(error) => Some(self.expected_and(&format!("{error:#}"))),
        }
    }

    /// What is wrong with a report.
    fn wrong(&self, report: &Report) -> Option<String> {
        let Report { verdict, why, .. } = report;
        let is_expected = match &*self.expected {
            REFUSED => ![PASSED, INCONCLUSIVE, "not-attempted"].contains(&&**verdict),
            expected => verdict == expected,
        };
        if !is_expected || !self.is_explained(report) {
            return Some(self.expected_and(&format!("{verdict} ({})", why.join("; "))));
        }
        let Answer { exercise, name, .. } = &self.answer;
        (!self.is_recorded(report)).then(|| {
            format!(
                "{exercise}, {name}: not what its recorded run tells; after a look at the difference, \
                 `cargo book accept {exercise}`\n{}",
                report.log.join("\n")
            )
        })
    }

    fn expected_and(&self, got: &str) -> String {
        let Answer { exercise, name, .. } = &self.answer;
        let (faults, expected) = (&self.faults, &self.expected);
        format!("{exercise}, {name}, faults {faults}: expected {expected}, got {got}")
    }
}
