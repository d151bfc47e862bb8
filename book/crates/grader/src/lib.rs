//! Runs a learner's program against a real broker while real faults strike, and judges what the
//! broker and the wire saw. The program's own words count for nothing.
//!
//! An exercise's `grade.rs` is a story: it prepares the broker, starts the program behind a proxy,
//! strikes a fault, lets the program end, reads the broker's record, and refuses what is wrong
//! with it. What is refused nowhere, under faults that have struck, is passed. A fault for which there is
//! nothing in the program to strike is named in the report, and not asked for.
//!
//! ```no_run
//! use grader::{Case, Result};
//!
//! fn main() -> std::process::ExitCode {
//!     // In an exercise: env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")))
//!     grader::main("target/debug/ex02-publish", grade)
//! }
//!
//! async fn grade(case: &Case) -> Result<()> {
//!     let nats = case.broker(brokers::Kind::Nats).await?;
//!     let mut orders = case.program("orders").broker(&nats, nats.url()).start().await?;
//!     orders.give(["o-1"]).await;
//!     orders.ended().await;
//!     case.refuse("lost-message", "o-1 is not in the stream");
//!     Ok(())
//! }
//! ```

mod account;
mod case;
mod fault;
mod guess;
pub mod nats;
mod once;
mod output;
mod program;
pub mod rabbit;
mod report;
mod seen;
mod settings;
mod trail;
mod verdict;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use catalog::{Catalog, Exercise, Rung};

pub use anyhow::{Context, Result};
pub use case::Case;
pub use fault::Fault;
pub use once::number;
pub use program::{Builder, End, Program};
pub use report::Report;
pub use verdict::{Finding, Verdict};

use settings::{Settings, Wanted};

/// The exit code of a program that was interrupted from the terminal, as a shell counts.
const INTERRUPTED: u8 = 130;

/// The `main` of an exercise's `grade.rs`: grades the program and prints the report.
///
/// `program` is the learner's; `GRADE_PROGRAM` names another one. `GRADE_FAULTS=off` grades
/// without faults, `GRADE_FAULTS=skip:2` demands the second fault and does not strike it, and
/// `GRADE_REPORT=FILE` asks for the report as JSON, too. `--seed N` varies what the story varies.
/// Where the learner only predicts, `--guess VARIANT=VERDICT` is a prediction, and
/// `GRADE_VARIANT=VARIANT` grades one variant alone.
pub fn main(program: &str, grade: impl AsyncFn(&Case) -> Result<()>) -> ExitCode {
    match run(program, grade) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(program: &str, grade: impl AsyncFn(&Case) -> Result<()>) -> Result<ExitCode> {
    let settings = match settings::read(program)? {
        Wanted::Grade(settings) => settings,
        Wanted::List => {
            println!("grade: test");
            return Ok(ExitCode::SUCCESS);
        }
        Wanted::Nothing => return Ok(ExitCode::SUCCESS),
    };
    let own = settings.own.then(|| Own::find(&settings.exercise));
    let own = own.transpose()?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let report = match &own {
        Some(own) if own.exercise.rung == Rung::Judge => {
            let (variants, each) = (own.variants()?, |report: &Report| show(report, None));
            runtime.block_on(guess::predicted(&settings, &variants, grade, each))?
        }
        _ => runtime.block_on(judged(settings, &grade))?,
    };
    let Some(report) = report else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let passed = report.verdict == Verdict::Passed;
    let hint = own.as_ref().filter(|_| !passed);
    // Kept before it is told: who is told may have gone.
    report.keep()?;
    if let Some(own) = &own {
        own.keep(&report);
    }
    show(&report, hint.and_then(Own::hint));
    Ok(match passed {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Prints the report. Who reads it may have gone, which changes nothing.
fn show(report: &Report, hint: Option<&str>) {
    let _ = std::io::stdout().write_all(report.text(hint).as_bytes());
}

/// Tells the story to its end, or to the program's trouble, and ends all that it started. None
/// where the terminal interrupts it.
async fn judged(
    settings: Settings,
    grade: &impl AsyncFn(&Case) -> Result<()>,
) -> Result<Option<Report>> {
    let case = Case::new(settings)?;
    let told = tokio::select! {
        biased;
        () = brokers::interrupted() => None,
        () = case.trouble() => Some(Ok(())),
        told = grade(&case) => Some(told),
    };
    case.close().await;
    Ok(told.map(|told| case.report(told)))
}

/// The exercise that a learner is at.
struct Own {
    catalog: Catalog,
    exercise: Exercise,
}

impl Own {
    fn find(id: &str) -> Result<Own> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
        let catalog = Catalog::open(&root)?;
        let exercise = catalog.exercise(id)?;
        Ok(Own { catalog, exercise })
    }

    /// The variants of its program, each with the belief of who misjudges it.
    fn variants(&self) -> Result<BTreeMap<String, String>> {
        let beliefs = self.catalog.misconceptions()?;
        let variants = self.exercise.naive.iter();
        Ok(variants
            .map(|(name, variant)| {
                let belief = beliefs.get(&variant.misconception);
                let says = belief.map(|belief| belief.says.trim_end_matches('.'));
                (name.clone(), says.unwrap_or_default().to_owned())
            })
            .collect())
    }

    fn hint(&self) -> Option<&str> {
        self.exercise.hints.first().map(String::as_str)
    }

    /// Keeps the verdict. That it cannot be kept changes nothing about it.
    fn keep(&self, report: &Report) {
        let progress = self.catalog.progress();
        if let Err(error) = progress.graded(&self.exercise.id, report.verdict.name()) {
            eprintln!("note: the verdict is not kept: {error:#}");
        }
    }
}
