//! `cargo book reset`: an exercise from its beginning.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use catalog::{Catalog, Rung};

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
    let (main, stub) = (exercise.main(), exercise.stub());
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path);
        text.with_context(|| format!("cannot read {}", catalog.shown(path)))
    };
    // An answer that was deleted is no reason to fail.
    let own = if main.exists() {
        read(&main)?
    } else {
        String::new()
    };
    let (stub, shown) = (read(&stub)?, catalog.shown(&main));
    if own == stub {
        output::line(format_args!("{shown} is the stub already"))?;
        return Ok(ExitCode::SUCCESS);
    }
    if !args.yes && !output::agreed(&format!("Replace {shown} by the stub?"))? {
        output::line("nothing is changed")?;
        return Ok(ExitCode::FAILURE);
    }
    if !own.is_empty() {
        let stem = format!("answers/{}", exercise.id);
        let copy = catalog.progress().free(&stem, "rs")?;
        let kept = std::fs::write(&copy, own);
        kept.with_context(|| format!("cannot write {}", copy.display()))?;
        output::line(format_args!(
            "your answer is kept as {}",
            catalog.shown(&copy)
        ))?;
    }
    std::fs::write(&main, stub).with_context(|| format!("cannot write {shown}"))?;
    output::line(format_args!("{shown} is the stub again"))?;
    Ok(ExitCode::SUCCESS)
}
