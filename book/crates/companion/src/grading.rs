//! The answers to an exercise that the repository has, each with the verdict that it must get, and
//! how one is graded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use catalog::{Exercise, Rung};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::artifacts::grader_of;
use crate::runner;

/// How long a grader may take: the start of a broker, and each of a story's programs to its limit. It ends
/// by itself before, whatever they do.
const PATIENCE: Duration = Duration::from_secs(600);

/// An answer to an exercise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The exercise.
    pub exercise: String,
    /// Its name: `solution`, `stub`, `naive-default`, or a variant's.
    pub name: String,
    /// The name of its program.
    pub program: String,
    /// Which of its variants the program is told to be.
    pub variant: Option<String>,
    /// The verdict that it must get.
    pub verdict: String,
    /// Whether it must pass where no fault strikes.
    pub sound: bool,
}

/// What a grader has found.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Report {
    /// The verdict.
    pub verdict: String,
    /// One sentence for each thing that is wrong.
    pub why: Vec<String>,
    /// How many faults the story has.
    pub faults: usize,
    /// Which of them the program does nothing for that they could strike: their numbers, from 1.
    #[serde(default)]
    pub placeless: Vec<usize>,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// The brokers that took part, each with its version.
    pub brokers: Vec<String>,
    /// What happened.
    pub moments: Vec<Moment>,
    /// What became of each message, as a page shows it; empty where there was none.
    pub strip: String,
    /// What happened, and what the proxies saw of each message: a line each.
    pub log: Vec<String>,
}

/// Something that happened in a grading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Milliseconds since it began.
    pub ms: u64,
    /// Who it happened to.
    pub lane: String,
    /// What happened.
    pub text: String,
}

impl Report {
    /// The report in this file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(file: &Path) -> Result<Report> {
        let text = std::fs::read_to_string(file).context("the grader gives no report")?;
        serde_json::from_str(&text).context("the grader's report is malformed")
    }
}

/// The answers to an exercise.
///
/// # Errors
/// When the reader predicts its verdicts and no variant of it passes.
pub fn answers(exercise: &Exercise) -> Result<Vec<Answer>> {
    let answer = |name: &str, program: String, verdict: &str, sound| Answer {
        exercise: exercise.id.clone(),
        name: name.to_owned(),
        program,
        variant: None,
        verdict: verdict.to_owned(),
        sound,
    };
    let naive = exercise.naive.iter();
    if exercise.rung == Rung::Judge {
        let variants: Vec<Answer> = naive
            .map(|(name, it)| Answer {
                variant: Some(name.clone()),
                ..answer(
                    name,
                    exercise.solution_package(),
                    &it.verdict,
                    it.without_faults.is_none(),
                )
            })
            .collect();
        let passes = variants.iter().any(|variant| variant.verdict == PASSED);
        ensure!(passes, "{} has no variant that passes", exercise.id);
        return Ok(variants);
    }
    let mut answers = vec![
        answer("solution", exercise.solution_package(), PASSED, true),
        answer("stub", exercise.example("stub"), "not-attempted", false),
    ];
    answers.extend(naive.map(|(name, it)| {
        let name = format!("naive-{name}");
        let sound = it.without_faults.is_none();
        answer(&name, exercise.example(&name), &it.verdict, sound)
    }));
    answers.extend(exercise.others.iter().map(|name| {
        let name = format!("other-{name}");
        answer(&name, exercise.example(&name), PASSED, false)
    }));
    Ok(answers)
}

/// The verdict of a right answer.
pub const PASSED: &str = "passed";

impl Answer {
    /// What grades it and its own program, among the files that cargo has built.
    ///
    /// # Errors
    /// When one of the two is not there.
    pub fn files<'a>(&self, built: &'a BTreeMap<String, PathBuf>) -> Result<(&'a Path, &'a Path)> {
        let file = |name: &str| {
            let file = built.get(name).map(PathBuf::as_path);
            file.with_context(|| format!("cargo has built no {name}"))
        };
        Ok((file(&grader_of(&self.exercise))?, file(&self.program)?))
    }

    /// Grades it. `faults` is what the grader reads in `GRADE_FAULTS`; `cache` is where it finds
    /// brokers, unless in the user's own folder.
    ///
    /// # Errors
    /// When the grader gives no report.
    pub async fn grade(
        &self,
        (grader, program): (&Path, &Path),
        faults: &str,
        seed: u64,
        cache: Option<&Path>,
    ) -> Result<Report> {
        let folder = brokers::Scratch::new().context("cannot make a folder for the report")?;
        let file = folder.path().join("report.json");
        let mut command = Command::new(grader);
        command
            .env("GRADE_PROGRAM", program)
            .env("GRADE_FAULTS", faults)
            .env("GRADE_SEED", seed.to_string())
            .env("GRADE_REPORT", &file)
            .env_remove("GRADE_VARIANT");
        if let Some(variant) = &self.variant {
            command.env("GRADE_VARIANT", variant);
        }
        if let Some(cache) = cache {
            command.env("BOOK_CACHE", cache);
        }
        let finished = runner::run(command, PATIENCE).await?;
        let said = finished.errors.join("\n");
        Report::read(&file).with_context(|| format!("the grader said {said}"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use catalog::Naive;

    use super::*;

    fn exercise(rung: Rung, naive: &[(&str, &str, Option<&str>)]) -> Exercise {
        let naive = naive.iter().map(|(name, verdict, reason)| {
            let naive = Naive {
                verdict: (*verdict).to_owned(),
                misconception: "M01".to_owned(),
                without_faults: reason.map(str::to_owned),
            };
            ((*name).to_owned(), naive)
        });
        Exercise {
            id: "ex03-late".into(),
            dir: "exercises/ex03-late".into(),
            solution: "solutions/ex03-late".into(),
            page: "index".into(),
            rung,
            title: "Late".into(),
            task: "Write.".into(),
            hints: Vec::new(),
            naive: naive.collect(),
            others: vec!["at-once".into()],
        }
    }

    fn told(answers: &[Answer]) -> Vec<(&str, &str, &str, bool)> {
        let all = answers.iter();
        all.map(|it| (&*it.name, &*it.program, &*it.verdict, it.sound))
            .collect()
    }

    #[test]
    fn what_is_written_has_a_solution_a_stub_and_naive_answers() {
        let naive = [
            ("auto", "lost-message", None),
            ("loop", "hangs", Some("always")),
        ];
        let answers = answers(&exercise(Rung::Build, &naive)).unwrap();
        assert_eq!(
            told(&answers),
            [
                ("solution", "sol03-late", "passed", true),
                ("stub", "ex03-late-stub", "not-attempted", false),
                ("naive-auto", "ex03-late-naive-auto", "lost-message", true),
                ("naive-loop", "ex03-late-naive-loop", "hangs", false),
                ("other-at-once", "ex03-late-other-at-once", "passed", false),
            ]
        );
        assert!(answers.iter().all(|answer| answer.variant.is_none()));
    }

    #[test]
    fn what_is_predicted_has_variants_of_which_one_passes() {
        let variants = [("early", "passed", None), ("late", "lost-message", None)];
        let found = answers(&exercise(Rung::Judge, &variants)).unwrap();
        assert_eq!(
            told(&found),
            [
                ("early", "sol03-late", "passed", true),
                ("late", "sol03-late", "lost-message", true),
            ]
        );
        assert_eq!(found[1].variant.as_deref(), Some("late"));
        let error = answers(&exercise(Rung::Judge, &variants[1..])).unwrap_err();
        assert_eq!(error.to_string(), "ex03-late has no variant that passes");
    }
}
