//! Runs as `cargo` in transcripts; see [`book_tests::shim`].

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use book_tests::programs::Programs;
use book_tests::shim::{LIMIT, Outcome, PROGRAMS, UNLIKE, outcome, wanted};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = asked().await.unwrap_or_else(|error| Outcome {
        lines: vec![format!("cargo-shim: {error:#}")],
        code: 101,
        unlike: Some(format!("{error:#}")),
    });
    if let Some((folder, text)) = std::env::var_os(UNLIKE).zip(outcome.unlike) {
        let file = Path::new(&folder).join(std::process::id().to_string());
        if let Err(error) = std::fs::write(&file, text) {
            eprintln!("cannot write {}: {error}", file.display());
        }
    }
    // Without a line break at the end: trycmd would show it as an empty line.
    match write!(std::io::stdout(), "{}", outcome.lines.join("\n")) {
        Ok(()) => ExitCode::from(u8::try_from(outcome.code).unwrap_or(u8::MAX)),
        Err(_) => ExitCode::FAILURE,
    }
}

async fn asked() -> Result<Outcome> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let wanted = wanted(&args)?;
    let programs = std::env::var_os(PROGRAMS).with_context(|| format!("{PROGRAMS} is not set"))?;
    let programs = Programs::open(Path::new(&programs))?;
    outcome(&wanted, &programs, book_tests::root(), LIMIT).await
}
