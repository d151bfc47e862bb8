//! Every exercise can be solved, and what a hasty engineer would write is refused for what it does.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use book_tests::programs::programs;
use book_tests::warm::Warm;
use book_tests::{book, none};
use catalog::{Exercise, directives};
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
struct Grading {
    grader: PathBuf,
    program: PathBuf,
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
        let solution = programs().path(&exercise.solution_package()).unwrap();
        // Without a fault it cannot be told whether the program would have stood it.
        for skipped in 0..faults(&cache, &exercise, solution).await {
            let faults = format!("skip:{}", skipped + 1);
            start(
                &mut running,
                &gate,
                &cache,
                grading(&exercise, solution, &faults, "inconclusive"),
            );
        }
        let example = |name: &str| programs().path(&exercise.example(name)).unwrap();
        start(
            &mut running,
            &gate,
            &cache,
            grading(&exercise, example("stub"), "on", "not-attempted"),
        );
        for (name, naive) in &exercise.naive {
            let program = example(&format!("naive-{name}"));
            start(
                &mut running,
                &gate,
                &cache,
                grading(&exercise, program, "on", &naive.verdict),
            );
            if naive.without_faults.is_none() {
                start(
                    &mut running,
                    &gate,
                    &cache,
                    grading(&exercise, program, "off", "passed"),
                );
            }
        }
    }
    let mut problems = Vec::new();
    while let Some(done) = running.join_next().await {
        problems.extend(done.unwrap());
    }
    none(&problems);
}

fn grading(exercise: &Exercise, program: &Path, faults: &str, expected: &str) -> Grading {
    Grading {
        grader: programs().grader(&exercise.id).unwrap().to_owned(),
        program: program.to_owned(),
        faults: faults.to_owned(),
        expected: expected.to_owned(),
    }
}

/// Grades the solution, which must pass, and says how many faults it has stood.
async fn faults(cache: &Path, exercise: &Exercise, solution: &Path) -> usize {
    let grading = grading(exercise, solution, "on", "passed");
    let report = grading.run(cache).await.unwrap();
    assert_eq!(
        report.verdict, "passed",
        "{}: {:?}",
        exercise.id, report.why
    );
    report.faults
}

fn start(
    running: &mut JoinSet<Option<String>>,
    gate: &Arc<Semaphore>,
    cache: &Path,
    grading: Grading,
) {
    let (gate, cache) = (gate.clone(), cache.to_owned());
    running.spawn(async move {
        let _turn = gate.acquire().await.unwrap();
        grading.problem(&cache).await
    });
}

impl Grading {
    async fn run(&self, cache: &Path) -> Result<Report, String> {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("report.json");
        let mut command = Command::new(&self.grader);
        command
            .env("BOOK_CACHE", cache)
            .env("GRADE_PROGRAM", &self.program)
            .env("GRADE_FAULTS", &self.faults)
            .env("GRADE_REPORT", &file)
            .env_remove("GRADE_SEED");
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
        let got = match self.run(cache).await {
            Ok(report) if report.verdict == self.expected => return None,
            Ok(report) => format!("{} ({})", report.verdict, report.why.join("; ")),
            Err(error) => error,
        };
        let (faults, expected) = (&self.faults, &self.expected);
        Some(format!(
            "{program}, faults {faults}: expected {expected}, got {got}"
        ))
    }
}
