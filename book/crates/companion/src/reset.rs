//! `cargo book reset`: an exercise from its beginning.

use std::process::ExitCode;

use anyhow::{Result, bail};
use catalog::{Catalog, Rung};

use crate::answer::Answer;
use crate::folder::Trouble;
use crate::output;

/// Put the stub of an exercise back in place of your answer, and keep a copy of that
#[derive(clap::Args)]
pub struct Args {
    /// The exercise, for example ex04-idempotent-produce, or the beginning of its name
    exercise: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Asks first. The copy is written before the answer is replaced.
pub fn run(args: Args) -> Result<ExitCode> {
    let catalog = Catalog::find()?;
    let exercise = catalog.exercise(&args.exercise)?;
    if exercise.rung == Rung::Judge {
        let id = &exercise.id;
        bail!("in {id} you predict and write nothing, so there is nothing to put back");
    }
    let shown = catalog.shown(&exercise.main());
    let trouble = |trouble: Trouble| trouble.said(&shown);
    let answer = Answer::take(&catalog, &exercise).map_err(trouble)?;
    if answer.read().map_err(trouble)? == answer.stub().map_err(trouble)? {
        output::line(format_args!("{shown} is the stub already"))?;
        return Ok(ExitCode::SUCCESS);
    }
    // A page may write while somebody thinks about the question.
    drop(answer);
    if !args.yes && !output::agreed(&format!("Replace {shown} by the stub?"))? {
        output::line("nothing is changed")?;
        return Ok(ExitCode::FAILURE);
    }
    let answer = Answer::take(&catalog, &exercise).map_err(trouble)?;
    if let Some(copy) = answer.reset().map_err(trouble)? {
        output::line(format_args!(
            "your answer is kept as {}",
            catalog.shown(&copy)
        ))?;
    }
    output::line(format_args!("{shown} is the stub again"))?;
    Ok(ExitCode::SUCCESS)
}
