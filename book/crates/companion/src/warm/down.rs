//! `cargo book down`: the end of the warm brokers, wherever they were started.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use brokers::Kind;
use brokers::warm::State;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::keeper::Claim;
use crate::{output, signals};

/// How long the brokers may take to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often is looked whether they have.
const LOOK: Duration = Duration::from_millis(20);

/// End `cargo book up`, or `serve --warm`, and its brokers
///
/// Where none runs it says so, exit code 0. What still runs after 10 seconds is told, exit
/// code 1.
#[derive(clap::Args)]
pub struct Args {}

/// Signals the process that keeps the brokers and waits for its end.
pub fn run(_: Args) -> Result<ExitCode> {
    signals::interruptible(down())
}

async fn down() -> Result<ExitCode> {
    let Err(keeper) = Claim::take()? else {
        output::line("no warm brokers run")?;
        return Ok(ExitCode::SUCCESS);
    };
    let state = State::read()?.filter(|state| state.pid == keeper);
    let pid = pid(keeper)
        .context("the process that keeps the brokers is only just starting; try again")?;
    kill_process(pid, Signal::TERM)
        .with_context(|| format!("cannot signal process {keeper}, which keeps the brokers"))?;
    if tokio::time::timeout(PATIENCE, ended()).await.is_err() {
        bail!(
            "after {} s these processes still run: {}",
            PATIENCE.as_secs(),
            remaining(keeper, state.as_ref()).join(", ")
        );
    }
    output::line("the warm brokers are gone")?;
    Ok(ExitCode::SUCCESS)
}

/// Waits until nobody holds the claim.
async fn ended() {
    while !matches!(Claim::take(), Ok(Ok(_))) {
        // poll: the system tells of a child's end, and this is none of ours
        tokio::time::sleep(LOOK).await;
    }
}

fn pid(number: u32) -> Option<Pid> {
    Pid::from_raw(number.try_into().ok()?)
}

/// The processes that are left, in words.
fn remaining(keeper: u32, state: Option<&State>) -> Vec<String> {
    let brokers = Kind::ALL.into_iter().filter_map(|kind| {
        let process = state?.entry(kind)?.pid?;
        Some((kind.to_string(), process))
    });
    std::iter::once(("cargo book".to_owned(), keeper))
        .chain(brokers)
        .filter(|(_, process)| pid(*process).is_some_and(|it| test_kill_process(it).is_ok()))
        .map(|(name, process)| format!("{name} ({process})"))
        .collect()
}
