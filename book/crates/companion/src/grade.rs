//! `cargo book grade`: an exercise's program, judged by what its broker sees.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use catalog::Catalog;

use crate::{cargo, signals};

/// Grade your answer to an exercise
///
/// Builds exercises/EXERCISE, runs it against a real broker under real faults, and says what the
/// broker saw. The verdict is `passed` or the name of what went wrong.
#[derive(clap::Args)]
pub struct Args {
    /// The exercise, for example ex04-idempotent-produce, or the beginning of its name
    exercise: String,
    /// Vary the run: its size and where its faults strike; the same number, the same run
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// What you predict, where an exercise asks for that: late=lost-message; once for each program
    #[arg(long, value_name = "PROGRAM=VERDICT")]
    guess: Vec<String>,
}

/// Becomes the grader: signals and the exit code are the grader's.
pub fn run(args: Args) -> Result<ExitCode> {
    let catalog = Catalog::find()?;
    let exercise = catalog.exercise(&args.exercise)?;
    let mut grader = None;
    let built = signals::interruptible(async {
        grader = Some(cargo::grader(catalog.root(), &exercise.id).await?);
        Ok(ExitCode::SUCCESS)
    })?;
    let Some(grader) = grader else {
        return Ok(built);
    };
    let mut command = Command::new(grader);
    if let Some(seed) = args.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    for guess in &args.guess {
        command.args(["--guess", guess]);
    }
    Err(command.exec()).context("cannot start the grader")
}
