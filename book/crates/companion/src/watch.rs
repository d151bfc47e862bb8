//! `cargo book watch`: an exercise is graded each time that it is saved.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use brokers::Group;
use catalog::{Catalog, Exercise, Rung};
use tokio::process::Command;

use crate::signals::Stop;
use crate::sources::Sources;
use crate::{cargo, signals};

/// Grade an exercise each time that you save it
///
/// Ends with Ctrl-C. `cargo book up` in another terminal keeps the brokers running, so that a
/// verdict does not wait for one to start.
#[derive(clap::Args)]
pub struct Args {
    /// The exercise, graded now as well; without it, each one that you save
    exercise: Option<String>,
}

/// Ends only with an error, or by a signal.
pub fn run(args: Args) -> Result<ExitCode> {
    let catalog = Catalog::find()?;
    let mut all = catalog.exercises()?;
    all.retain(|exercise| exercise.rung != Rung::Judge);
    let one = args.exercise.as_deref();
    let one = one.map(|name| catalog.exercise(name)).transpose()?;
    if let Some(Exercise { id, naive, .. }) = one.as_ref().filter(|it| it.rung == Rung::Judge) {
        let guess = |variant: &String| format!(" --guess {variant}=VERDICT");
        let guesses: String = naive.keys().map(guess).collect();
        bail!(
            "in {id} you predict and save nothing, so there is nothing to watch; use \
             `cargo book grade {id}{guesses}`"
        );
    }
    let watched = one.as_ref().map_or(&all[..], std::slice::from_ref);
    signals::block_on(async {
        let mut stop = Stop::listen()?;
        let mut grader = Grader(None);
        let ended = tokio::select! {
            cut_short = stop.wait() => Ok(cut_short),
            failed = watch(catalog.root(), watched, one.clone(), &mut grader) => failed,
        };
        grader.end().await?;
        ended
    })
}

/// The grader that runs now.
struct Grader(Option<Group>);

impl Grader {
    /// Asks it to end, which it does once it has left the brokers as they were.
    async fn end(&mut self) -> Result<()> {
        if let Some(mut group) = self.0.take() {
            group.terminate();
            group.wait().await.context("cannot wait for the grader")?;
        }
        Ok(())
    }

    /// Waits for its end.
    async fn ended(&mut self) -> Result<()> {
        if let Some(group) = &mut self.0 {
            group.wait().await.context("cannot wait for the grader")?;
        }
        self.0 = None;
        Ok(())
    }
}

async fn watch(
    root: &Path,
    watched: &[Exercise],
    mut saved: Option<Exercise>,
    grader: &mut Grader,
) -> Result<ExitCode> {
    let folders = watched.iter().map(|exercise| exercise.dir.join("src"));
    let mut sources = Sources::watch(folders.collect(), Vec::new())?;
    loop {
        let change = tokio::select! {
            change = sources.changed() => change,
            // What is saved while this runs ends it.
            failed = grade(root, saved.as_ref(), grader) => return failed,
        };
        grader.end().await?;
        let paths = change.context("the watch over the exercises ended")?;
        let mut paths = paths.iter().rev();
        let of = paths.find_map(|path| watched.iter().find(|it| path.starts_with(&it.dir)));
        saved = of.cloned().or(saved);
    }
}

/// Grades it once and then waits for ever. What is wrong with its source is told by the compiler,
/// and ends nothing. Ends only with an error.
async fn grade(root: &Path, saved: Option<&Exercise>, grader: &mut Grader) -> Result<ExitCode> {
    if let Some(exercise) = saved {
        match cargo::grader(root, &exercise.id).await {
            Ok(program) => {
                let group = Group::spawn(&mut Command::new(program));
                grader.0 = Some(group.context("cannot start the grader")?);
                grader.ended().await?;
            }
            Err(error) => eprintln!("error: {error:#}"),
        }
    }
    let what = saved.map_or("a program in exercises/", |exercise| &exercise.id);
    eprintln!("save {what} and it is graded; Ctrl-C ends this");
    std::future::pending().await
}
