//! Runs a listing three times and makes sure that it says the same each time.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use catalog::{Chapter, Transcript, Version, Wire};
use companion::runner::{Finished, Invocation, run};
use companion::tap::{self, Tap};
use serde::Deserialize;
use tokio::process::Command;

use crate::difference::difference;

/// How often a listing runs before it is believed.
const RUNS: usize = 3;
/// How long one run may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// What was seen.
pub struct Recorded {
    /// The first of the runs.
    pub run: Finished,
    /// The form that all runs share.
    pub canonical: Vec<String>,
    /// What passed between the listing and its broker.
    pub wire: Wire,
    /// The broker that the listing used; none where its chapter names none.
    pub broker: Option<Version>,
    /// The names of all brokers that it used.
    pub used: Vec<String>,
}

/// A line of the file in which the `brokers` crate says what a program uses.
#[derive(Deserialize)]
struct Used {
    broker: String,
    version: String,
}

/// Runs the transcript's command in the top folder `root`; refuses what differs or fails.
pub async fn three_times(
    root: &Path,
    chapter: &Chapter,
    transcript: &Transcript,
    program: &Path,
    invocation: &Invocation,
) -> Result<Recorded> {
    let first = once(root, chapter, transcript, program, invocation).await?;
    for number in 2..=RUNS {
        let again = once(root, chapter, transcript, program, invocation).await?;
        if again.canonical != first.canonical {
            bail!(
                "run 1 and run {number} differ. A listing prints the same each time: number its \
                 messages, seed what is random, print no port, id or time.\n{}",
                difference(&first.canonical, &again.canonical)
            );
        }
        let unlike = again.wire.unlike(&first.wire);
        if !unlike.is_empty() {
            bail!(
                "run 1 and run {number} differ in what passed between the listing and its broker:\n{}",
                unlike.join("\n")
            );
        }
    }
    Ok(first)
}

async fn once(
    root: &Path,
    chapter: &Chapter,
    transcript: &Transcript,
    program: &Path,
    invocation: &Invocation,
) -> Result<Recorded> {
    let folder = brokers::Scratch::new()?;
    let record = folder.path().join("brokers");
    let tap = Tap::open(&chapter.id).await?;
    let mut command = Command::new(program);
    command
        .args(&invocation.arguments)
        .current_dir(root)
        .env("BOOK_RECORD", &record)
        .env(tap::VARIABLE, tap.setting());
    let run = run(command, DEADLINE).await?;
    let wire = tap.all(run.begun).await;
    if run.code != transcript.status {
        bail!(
            "it ends with exit code {}, not {}. Where that is meant, write `? {}` under the \
             command. Its stderr:\n  {}",
            run.code,
            transcript.status,
            run.code,
            run.errors.join("\n  ")
        );
    }
    let canonical = run.canonical(chapter)?;
    let used = used(&record)?;
    Ok(Recorded {
        run,
        canonical,
        wire,
        broker: broker(&used, chapter)?,
        used: used.into_iter().map(|used| used.broker).collect(),
    })
}

/// The brokers that the run asked for. Its workers may name the same one again.
fn used(record: &Path) -> Result<Vec<Used>> {
    let told = std::fs::read_to_string(record).unwrap_or_default();
    let used = told.lines().map(serde_json::from_str);
    used.collect::<Result<_, _>>()
        .context("the brokers crate told nonsense")
}

/// The first broker that the run asked for.
fn broker(used: &[Used], chapter: &Chapter) -> Result<Option<Version>> {
    let first = match used.first() {
        None if chapter.brokers.is_empty() => return Ok(None),
        first => first.context(
            "it used no broker; a listing gets its broker from the brokers crate, which tells its \
             version. One that talks to none has `brokers = []` in its Cargo.toml",
        )?,
    };
    if chapter.brokers.is_empty() {
        bail!(
            "it used a broker; name it in `brokers` in [package.metadata.book] of its Cargo.toml"
        );
    }
    Ok(Some(Version {
        name: first.broker.clone(),
        version: first.version.clone(),
    }))
}
