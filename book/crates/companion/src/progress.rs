//! `cargo book progress`: how far a reader has come.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use catalog::{Attempts, Catalog, Figures, Record, Stop};

use crate::output;

/// Show what you have read, run, predicted and passed
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    file: File,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// What may be done with the file instead.
#[derive(clap::Args)]
#[group(multiple = false)]
struct File {
    /// Write your progress into a new file
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Take the progress in this file in the place of yours, and keep a copy of that
    #[arg(long, value_name = "FILE")]
    import: Option<PathBuf>,
    /// Begin anew, and keep a copy of your progress
    #[arg(long)]
    reset: bool,
}

/// One line for each part of the book, one for each exercise, then the sum.
pub fn run(args: Args) -> Result<ExitCode> {
    let catalog = Catalog::find()?;
    match args.file {
        File {
            export: Some(to), ..
        } => export(&catalog, &to),
        File {
            import: Some(from), ..
        } => import(&catalog, &from, args.yes),
        File { reset: true, .. } => reset(&catalog, args.yes),
        _ => show(&catalog),
    }
}

fn show(catalog: &Catalog) -> Result<ExitCode> {
    let (done, outline) = (catalog.progress().record()?, catalog.outline()?);
    let (parts, all) = by_part(&outline, &done);
    let width = parts.iter().map(|(part, _)| part.chars().count()).max();
    for (part, figures) in &parts {
        let width = width.unwrap_or(0);
        output::line(format_args!("{part:<width$}  {}", counted(figures)))?;
    }
    exercises(catalog, &done)?;
    output::line(counted(&all))?;
    Ok(ExitCode::SUCCESS)
}

/// The figures of each part of the book, in its order, and of all.
fn by_part(outline: &[Stop], done: &Record) -> (Vec<(String, Figures)>, Figures) {
    let (mut parts, mut all) = (Vec::<(String, Figures)>::new(), Figures::default());
    for stop in outline {
        let name = match stop.part.as_str() {
            "" => "Before all",
            part => part,
        };
        if parts.last().is_none_or(|(last, _)| last != name) {
            parts.push((name.to_owned(), Figures::default()));
        }
        let figures = stop.figures(done);
        if let Some((_, sum)) = parts.last_mut() {
            *sum += figures;
        }
        all += figures;
    }
    (parts, all)
}

fn counted(figures: &Figures) -> String {
    let Figures {
        pages,
        runs,
        predictions,
        right,
        exercises,
        others: _,
    } = figures;
    let of = |[done, all]: &[usize; 2], what: &str| format!("{what} {done} of {all}");
    let mut said = vec![of(pages, "pages")];
    let more = [
        (runs, "runs"),
        (predictions, "predictions"),
        (exercises, "exercises"),
    ];
    for (figure, what) in more.into_iter().filter(|(figure, _)| figure[1] > 0) {
        said.push(of(figure, what));
        if what == "predictions" && figure[0] > 0 {
            said.push(format!("{right} right"));
        }
    }
    said.join(", ")
}

fn exercises(catalog: &Catalog, done: &Record) -> Result<()> {
    let exercises = catalog.exercises()?;
    let width = exercises.iter().map(|exercise| exercise.id.len()).max();
    let width = width.unwrap_or(0);
    for exercise in &exercises {
        let attempts = done.exercises.get(&exercise.id).cloned();
        let attempts = attempts.unwrap_or_default();
        let mark = if attempts.passed { '●' } else { '·' };
        let (id, said) = (&exercise.id, said(&attempts));
        let line = format!("{mark} {id:<width$}  {said}");
        output::line(line.trim_end())?;
    }
    Ok(())
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

fn export(catalog: &Catalog, to: &Path) -> Result<ExitCode> {
    let text = catalog.progress().export()?;
    let new = OpenOptions::new().write(true).create_new(true).open(to);
    let written = new.and_then(|mut file| {
        let all = file.write_all(text.as_bytes());
        // Half of it would be in the way of the next attempt.
        all.inspect_err(|_| drop(std::fs::remove_file(to)))
    });
    written.with_context(|| format!("cannot write the new file {}", to.display()))?;
    output::line(format_args!("your progress is in {}", to.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn import(catalog: &Catalog, from: &Path, yes: bool) -> Result<ExitCode> {
    let text =
        std::fs::read_to_string(from).with_context(|| format!("cannot read {}", from.display()))?;
    let progress = catalog.progress();
    let shown = catalog.shown(&progress.path());
    if progress.path().exists() && !yes {
        let question = format!("Replace {shown} by {}?", from.display());
        if !output::agreed(&question)? {
            return unchanged();
        }
    }
    let copy = progress.import(&text);
    tell(catalog, copy.with_context(|| from.display().to_string())?)?;
    output::line(format_args!("{shown} is what {} was", from.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn reset(catalog: &Catalog, yes: bool) -> Result<ExitCode> {
    let progress = catalog.progress();
    let shown = catalog.shown(&progress.path());
    if !progress.path().exists() {
        output::line("nothing is kept yet")?;
        return Ok(ExitCode::SUCCESS);
    }
    if !yes && !output::agreed(&format!("Take {shown} away and begin anew?"))? {
        return unchanged();
    }
    tell(catalog, progress.reset()?)?;
    output::line("you begin anew")?;
    Ok(ExitCode::SUCCESS)
}

fn unchanged() -> Result<ExitCode> {
    output::line("nothing is changed")?;
    Ok(ExitCode::FAILURE)
}

fn tell(catalog: &Catalog, copy: Option<PathBuf>) -> Result<()> {
    match copy {
        Some(copy) => output::line(format_args!(
            "your progress is kept as {}",
            catalog.shown(&copy)
        )),
        None => Ok(()),
    }
}
