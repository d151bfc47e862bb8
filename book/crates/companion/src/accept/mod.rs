//! `cargo book accept`: records the runs that the pages show and the suite compares.
//!
//! A transcript begins as a file with its command alone; this fills it:
//!
//! ````text
//! ```console
//! $ cargo run -p ch03-rabbit-queue -- --ack auto
//! ```
//! ````

mod record;
mod runs;
mod store;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use catalog::{Catalog, Transcript};
use companion::runner::Invocation;

use crate::{cargo, output, signals};
use store::Outcome;

/// Run transcripts anew and write down what they print
///
/// Each command runs three times. Where the canonical forms of the three differ, or a command
/// fails that did not fail before, nothing is written. A new transcript is a file
/// chapters/ID/transcripts/NAME.trycmd that holds a ```console block with the line
/// `$ cargo run -p ID -- ARGUMENTS`, and under it `? CODE` where the command is to fail. A chapter
/// with optional features is run with them by `$ cargo run -p ID --features A,B -- ARGUMENTS`.
///
/// An exercise whose programs are judged by what was seen of them has its runs in
/// exercises/ID/runs/VARIANT.txt: a new one is an empty file.
#[derive(clap::Args)]
pub struct Args {
    /// All transcripts of a chapter, or one of them; all runs of an exercise; without it all that
    /// there are
    #[arg(value_name = "ID[/NAME]")]
    which: Option<String>,
}

/// Records what was asked for. One that is refused does not keep the others from
/// being recorded; the exit code is 1 then.
pub fn run(args: Args) -> Result<ExitCode> {
    signals::interruptible(accept(args))
}

async fn accept(args: Args) -> Result<ExitCode> {
    let catalog = Catalog::find()?;
    let which = args.which.as_deref();
    if let Some(id) = which.filter(|which| which.starts_with("ex")) {
        let exercise = catalog.exercise(id)?;
        let recorded = exercise.recorded()?;
        ensure!(
            !recorded.is_empty(),
            "{id} has no runs; its reader judges programs and not recordings"
        );
        runs::accept(&catalog, &exercise).await?;
        return Ok(ExitCode::SUCCESS);
    }
    if which.is_none() {
        for exercise in catalog.exercises()? {
            if !exercise.recorded()?.is_empty() {
                runs::accept(&catalog, &exercise).await?;
            }
        }
    }
    let transcripts = chosen(&catalog, which)?;
    let mut invocations = Vec::new();
    for transcript in &transcripts {
        invocations.push(invocation(&catalog, transcript)?);
    }
    let mut refused = 0;
    for features in sets(&invocations) {
        let meant = transcripts.iter().zip(&invocations);
        let meant: Vec<_> = meant.filter(|(_, it)| it.features == *features).collect();
        let mut packages: Vec<&str> = meant.iter().map(|(_, it)| it.package.as_str()).collect();
        packages.dedup();
        let programs = cargo::build(catalog.root(), &packages, features).await?;
        for (transcript, invocation) in meant {
            let program = programs
                .get(&invocation.package)
                .context("a program is missing")?;
            match accept_one(&catalog, transcript, program, invocation).await {
                Ok(outcome) => output::line(outcome.told(&title(transcript)))?,
                Err(error) => {
                    refused += 1;
                    eprintln!("error: {} is not accepted: {error:#}", title(transcript));
                }
            }
        }
    }
    Ok(if refused == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The sets of features that are built one after the other.
fn sets(invocations: &[Invocation]) -> BTreeSet<&Vec<String>> {
    invocations.iter().map(|it| &it.features).collect()
}

fn title(transcript: &Transcript) -> String {
    format!("{}/{}", transcript.chapter, transcript.name)
}

/// The transcripts that are meant.
fn chosen(catalog: &Catalog, which: Option<&str>) -> Result<Vec<Transcript>> {
    let all_of = |chapter: &catalog::Chapter| -> Result<Vec<Transcript>> {
        let names = chapter.transcripts()?;
        names
            .iter()
            .map(|name| catalog.transcript(&chapter.id, name))
            .collect()
    };
    let chosen = match which.map(|which| which.split_once('/').ok_or(which)) {
        None => catalog
            .chapters()
            .iter()
            .map(all_of)
            .collect::<Result<Vec<_>>>()?
            .concat(),
        Some(Err(id)) => all_of(catalog.chapter(id)?)?,
        Some(Ok((id, name))) => {
            let path = catalog.transcript_path(id, name)?;
            ensure!(
                path.is_file(),
                "{} does not exist; write it with its command alone:\n```console\n$ cargo run -p {id}\n```",
                catalog.shown(&path)
            );
            vec![catalog.transcript(id, name)?]
        }
    };
    ensure!(
        !chosen.is_empty(),
        "there is no transcript; see cargo book accept --help"
    );
    Ok(chosen)
}

/// The transcript's command, which must run the chapter that the transcript lies in.
fn invocation(catalog: &Catalog, transcript: &Transcript) -> Result<Invocation> {
    let path = catalog.shown(&transcript.path);
    let invocation = Invocation::parse(&transcript.command).context(path.clone())?;
    if invocation.package != transcript.chapter {
        bail!(
            "{path}: the command runs {}; it belongs in that chapter's folder",
            invocation.package
        );
    }
    Ok(invocation)
}

async fn accept_one(
    catalog: &Catalog,
    transcript: &Transcript,
    program: &Path,
    invocation: &Invocation,
) -> Result<Outcome> {
    let chapter = catalog.chapter(&transcript.chapter)?;
    let root = catalog.root();
    let recorded = record::three_times(root, chapter, transcript, program, invocation).await?;
    let client = catalog.client(&transcript.chapter, &recorded.used)?;
    store::store(transcript, recorded, client)
}
