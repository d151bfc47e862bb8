//! Records the runs of an exercise in which the reader judges programs by what was seen of them.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use catalog::{Catalog, Exercise, shape};
use companion::grading::{Answer, Report, answers};

use super::store::write;
use crate::{cargo, output};

/// How often a program runs before it is believed.
const RUNS: usize = 3;
/// Faults strike as the story tells it.
const FAULTS: &str = "on";

/// Runs each variant that has a file `runs/VARIANT.txt`, and writes down what was seen where that is
/// not what the file tells.
///
/// # Errors
/// When a variant does not get its verdict, or its runs differ in what happened to a message.
pub async fn accept(catalog: &Catalog, exercise: &Exercise) -> Result<()> {
    let package = exercise.solution_package();
    let programs = cargo::answers(catalog.root(), std::slice::from_ref(&package)).await?;
    let answers = answers(exercise)?;
    for variant in exercise.recorded()?.into_keys() {
        let answer = answers
            .iter()
            .find(|answer| answer.variant.as_deref() == Some(&*variant))
            .with_context(|| format!("{} has no variant {variant}", exercise.id))?;
        let what = || format!("{}, {variant}", exercise.id);
        let report = three_times(answer, answer.files(&programs)?).await;
        let report = report.with_context(what)?;
        let change = match store(&exercise.recording(&variant), &report).with_context(what)? {
            true => "recorded",
            false => "unchanged",
        };
        output::line(format_args!("{}/{variant}: {change}", exercise.id))?;
    }
    Ok(())
}

async fn three_times(answer: &Answer, files: (&Path, &Path)) -> Result<Report> {
    let mut first: Option<Report> = None;
    for number in 1..=RUNS {
        let report = answer.grade(files, FAULTS, 0, None).await?;
        ensure!(
            report.verdict == answer.verdict,
            "run {number} is {}, not {}: {}",
            report.verdict,
            answer.verdict,
            report.why.join("; ")
        );
        match &first {
            Some(first) if shape(&first.log) != shape(&report.log) => bail!(
                "run 1 and run {number} differ in what happened to a message:\n{}\n\n{}",
                first.log.join("\n"),
                report.log.join("\n")
            ),
            Some(_) => {}
            None => first = Some(report),
        }
    }
    first.context("it did not run")
}

/// Whether the file changes. Times are others in each run; they stay while what happened does.
fn store(path: &Path, report: &Report) -> Result<bool> {
    let old = std::fs::read_to_string(path).unwrap_or_default();
    if shape(old.lines()) == shape(&report.log) {
        return Ok(false);
    }
    let date = time::OffsetDateTime::now_utc().date();
    let brokers: Vec<&str> = report
        .brokers
        .iter()
        .filter_map(|broker| broker.split(',').next())
        .collect();
    let head = format!("{}, {date}; times in ms", brokers.join(", "));
    write(path, &format!("{head}\n\n{}\n", report.log.join("\n")))?;
    Ok(true)
}
