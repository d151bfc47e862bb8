//! Every exercise can be solved, and what a hasty engineer would write is refused for what it does.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use book_tests::programs::programs;
use book_tests::warm::Warm;
use book_tests::{book, none};
use catalog::{Exercise, Rung, directives};
use companion::runner;
use serde::Deserialize;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many programs are graded at the same time. They wait more than they work.
const AT_ONCE: usize = 3;
const PATIENCE: Duration = Duration::from_secs(180);

/// An answer, and what becomes of it.
#[derive(Clone)]
struct Grading {
    grader: PathBuf,
    program: PathBuf,
    variant: Option<String>,
    faults: String,
    expected: String,
}

#[derive(Deserialize)]
struct Report {
    verdict: String,
    why: Vec<String>,
    faults: usize,
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
        if exercise.naive.len() < 2 {
            problems.push(format!(
                "solutions/{id} has fewer than two naive answers; add one"
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

#[tokio::test]
async fn every_answer_gets_its_verdict() {
    let warm = Warm::start(programs()).unwrap();
    let (cache, gate) = (warm.cache().to_owned(), Arc::new(Semaphore::new(AT_ONCE)));
    let mut running = JoinSet::new();
    for exercise in book().unwrap().exercises().unwrap() {
        let right = right(&exercise);
        let report = right.run(&cache).await.unwrap();
        let (verdict, why) = (&report.verdict, &report.why);
        assert_eq!(verdict, "passed", "{}: {why:?}", exercise.id);
        // Without a fault it cannot be told whether the program would have stood it.
        let mut gradings: Vec<Grading> = (1..=report.faults)
            .map(|skipped| right.but(&format!("skip:{skipped}"), "inconclusive"))
            .collect();
        gradings.extend(others(&exercise));
        for grading in gradings {
            let (gate, cache) = (gate.clone(), cache.clone());
            running.spawn(async move {
                let _turn = gate.acquire().await.unwrap();
                grading.problem(&cache).await
            });
        }
    }
    let mut problems = Vec::new();
    while let Some(done) = running.join_next().await {
        problems.extend(done.unwrap());
    }
    none(&problems);
}

fn grading(exercise: &Exercise, program: &str, expected: &str) -> Grading {
    Grading {
        grader: programs().grader(&exercise.id).unwrap().to_owned(),
        program: programs().path(program).unwrap().to_owned(),
        variant: None,
        faults: "on".to_owned(),
        expected: expected.to_owned(),
    }
}

/// One of the variants of a program.
fn variant(exercise: &Exercise, name: &str, expected: &str) -> Grading {
    Grading {
        variant: Some(name.to_owned()),
        ..grading(exercise, &exercise.solution_package(), expected)
    }
}

/// The answer that must pass: the solution, or a right variant.
fn right(exercise: &Exercise) -> Grading {
    if exercise.rung != Rung::Judge {
        return grading(exercise, &exercise.solution_package(), "passed");
    }
    let mut all = exercise.naive.iter();
    let right = all.find(|(_, variant)| variant.verdict == "passed");
    let (name, _) = right.unwrap_or_else(|| panic!("{} has no variant that passes", exercise.id));
    variant(exercise, name, "passed")
}

/// The stub, and what is refused.
fn others(exercise: &Exercise) -> Vec<Grading> {
    let mut others = Vec::new();
    if exercise.rung != Rung::Judge {
        others.push(grading(
            exercise,
            &exercise.example("stub"),
            "not-attempted",
        ));
    }
    for (name, naive) in &exercise.naive {
        let refused = match exercise.rung {
            Rung::Judge => variant(exercise, name, &naive.verdict),
            _ => grading(
                exercise,
                &exercise.example(&format!("naive-{name}")),
                &naive.verdict,
            ),
        };
        if naive.without_faults.is_none() {
            others.push(refused.but("off", "passed"));
        }
        others.push(refused);
    }
    others
}

impl Grading {
    /// The same program under other faults.
    fn but(&self, faults: &str, expected: &str) -> Grading {
        Grading {
            faults: faults.to_owned(),
            expected: expected.to_owned(),
            ..self.clone()
        }
    }

    async fn run(&self, cache: &Path) -> Result<Report, String> {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("report.json");
        let mut command = Command::new(&self.grader);
        command
            .env("BOOK_CACHE", cache)
            .env("GRADE_PROGRAM", &self.program)
            .env("GRADE_FAULTS", &self.faults)
            .env("GRADE_REPORT", &file)
            .env_remove("GRADE_SEED")
            .env_remove("GRADE_VARIANT");
        if let Some(variant) = &self.variant {
            command.env("GRADE_VARIANT", variant);
        }
        let finished = runner::run(command, PATIENCE)
            .await
            .map_err(|error| format!("{error:#}"))?;
        let text = std::fs::read_to_string(file);
        let text =
            text.map_err(|_| format!("no report; it said {}", finished.errors.join("\n")))?;
        Ok(serde_json::from_str(&text).unwrap())
    }

    async fn problem(&self, cache: &Path) -> Option<String> {
        let program = self.program.file_name().unwrap().to_string_lossy();
        let variant = self.variant.as_deref().unwrap_or_default();
        let got = match self.run(cache).await {
            Ok(report) if report.verdict == self.expected => return None,
            Ok(report) => format!("{} ({})", report.verdict, report.why.join("; ")),
            Err(error) => error,
        };
        let (faults, expected) = (&self.faults, &self.expected);
        Some(format!(
            "{program} {variant}, faults {faults}: expected {expected}, got {got}"
        ))
    }
}
