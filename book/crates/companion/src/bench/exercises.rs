//! Grades solutions, with a watch in hand.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use catalog::Catalog;
use companion::grading::{Answer, PASSED, answers};

use super::measure::with_warm;
use super::table::Row;
use crate::cargo;

/// What the graders read in `GRADE_FAULTS`, and the word for it in the table.
const FAULTS: [(&str, &str); 2] = [("off", "without"), ("on", "with")];

/// Two rows for each exercise whose name begins with `exercise`: the time to the verdict `passed`,
/// without its faults and with them. It is cargo's look at what is built already, the start of a broker
/// where the exercise has one of its own, and the grading.
pub async fn measure(exercise: &str, runs: u32) -> Result<Vec<Row>> {
    let catalog = Catalog::find()?;
    let mut exercises = catalog.exercises()?;
    exercises.retain(|it| it.id.starts_with(exercise));
    ensure!(
        !exercises.is_empty(),
        "no exercise begins with `{exercise}`"
    );
    with_warm(async {
        let mut rows = Vec::new();
        for exercise in exercises {
            let all = answers(&exercise)?;
            let right = all.iter().find(|answer| answer.verdict == PASSED);
            let right = right.with_context(|| format!("{} has no right answer", exercise.id))?;
            let package = exercise.solution_package();
            for faults in FAULTS {
                rows.push(timed(catalog.root(), &package, right, faults, runs).await?);
            }
        }
        Ok(rows)
    })
    .await
}

async fn timed(
    root: &Path,
    package: &str,
    answer: &Answer,
    (faults, how): (&str, &str),
    runs: u32,
) -> Result<Row> {
    let mut times = Vec::new();
    for number in 0..=runs {
        let begun = Instant::now();
        let programs = cargo::answers(root, &[package.to_owned()]).await?;
        let files = answer.files(&programs)?;
        let report = answer.grade(files, faults, 0, None).await?;
        ensure!(
            report.verdict == PASSED,
            "{} gets {}: {}",
            answer.exercise,
            report.verdict,
            report.why.join("; ")
        );
        if number > 0 {
            times.push(begun.elapsed());
        }
    }
    Ok(Row {
        what: answer.exercise.clone(),
        how: how.to_owned(),
        times,
    })
}
