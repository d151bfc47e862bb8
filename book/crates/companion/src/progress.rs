//! `cargo book progress`: how far a reader has come.

use std::process::ExitCode;

use anyhow::Result;
use catalog::{Attempts, Catalog};

use crate::output;

/// Show which exercises you have passed
#[derive(clap::Args)]
pub struct Args {}

/// One line for each exercise, then the sum.
pub fn run(_: Args) -> Result<ExitCode> {
    let catalog = Catalog::find()?;
    let (exercises, progress) = (catalog.exercises()?, catalog.progress());
    let width = exercises.iter().map(|exercise| exercise.id.len()).max();
    let (width, mut passed) = (width.unwrap_or(0), 0);
    for exercise in &exercises {
        let attempts = progress.exercise(&exercise.id)?;
        passed += usize::from(attempts.passed);
        let mark = if attempts.passed { '●' } else { '·' };
        let (id, said) = (&exercise.id, said(&attempts));
        output::line(
            format_args!("{mark} {id:<width$}  {said}")
                .to_string()
                .trim_end(),
        )?;
    }
    output::line(format_args!("{passed} of {} passed", exercises.len()))?;
    Ok(ExitCode::SUCCESS)
}

fn said(attempts: &Attempts) -> String {
    let Attempts {
        verdict,
        passed,
        runs,
        hints,
    } = attempts;
    let mut said = Vec::new();
    match (passed, verdict.as_str()) {
        (_, "") => {}
        (true, "passed") => said.push("passed".to_owned()),
        (true, last) => said.push(format!("passed, last {last}")),
        (false, last) => said.push(last.to_owned()),
    }
    for (count, what) in [(runs, "run"), (hints, "hint")] {
        match count {
            0 => {}
            1 => said.push(format!("1 {what}")),
            count => said.push(format!("{count} {what}s")),
        }
    }
    said.join(", ")
}
