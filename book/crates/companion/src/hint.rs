//! `cargo book hint`: one hint more.

use std::process::ExitCode;

use anyhow::Result;
use catalog::Catalog;

use crate::output;

/// Show the next hint of an exercise
#[derive(clap::Args)]
pub struct Args {
    /// The exercise, for example ex04-idempotent-produce, or the beginning of its name
    exercise: String,
}

/// Shows one hint more each time; after the last one, all of them.
pub fn run(args: Args) -> Result<ExitCode> {
    let catalog = Catalog::find()?;
    let exercise = catalog.exercise(&args.exercise)?;
    let progress = catalog.progress();
    let attempts = progress.exercise(&exercise.id)?;
    let (shown, all) = (attempts.hints as usize, exercise.hints.len());
    let last = shown >= all;
    let first = if last { 0 } else { shown };
    for (place, hint) in exercise.hints.iter().enumerate().skip(first) {
        output::line(format_args!("Hint {} of {all}\n\n{hint}\n", place + 1))?;
        if !last {
            break;
        }
    }
    if last {
        let solution = catalog.shown(&exercise.solution.join("src/main.rs"));
        output::line(format_args!(
            "There is no other. The solution is {solution}"
        ))?;
    } else {
        progress.hinted(&exercise.id, attempts.hints + 1)?;
    }
    Ok(ExitCode::SUCCESS)
}
