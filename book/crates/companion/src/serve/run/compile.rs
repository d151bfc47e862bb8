//! A listing is built, and the page sees how far it is.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context;
use brokers::gated;
use companion::runner::Invocation;
use companion::{artifacts, toolchain};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::sync::mpsc::Sender;

use super::Cut;
use super::child::Child;
use super::news::News;
use super::output::{Budget, Lines};

/// Cargo's name for a bar that shows how many of its units are done.
const BAR: &str = "Building ";
/// What cargo says of its own work, beside the bar. The rest is the compiler's.
const STATUS: [&str; 6] = [
    "Compiling ",
    "Finished ",
    "Blocking ",
    "Updating ",
    "Locking ",
    "Downloaded ",
];

/// `cargo build` of a listing.
pub fn command(root: &Path, wanted: &Invocation) -> Command {
    let mut command = cargo(root);
    command.args(["--message-format=json-render-diagnostics"]);
    command.args(["--bins", "--package", &wanted.package]);
    if !wanted.features.is_empty() {
        command.args(["--features", &wanted.features.join(",")]);
    }
    command
}

/// `cargo build`, which shows on standard error how far it is.
pub fn cargo(root: &Path) -> Command {
    let mut command = gated(toolchain::program());
    toolchain::untold(command.as_std_mut());
    command.arg("build");
    // Cargo draws its bar for a terminal alone, unless it is told to and how wide.
    command
        .env("CARGO_TERM_PROGRESS_WHEN", "always")
        .env("CARGO_TERM_PROGRESS_WIDTH", "80")
        .env("CARGO_TERM_COLOR", "never")
        .env_remove("CARGO_TERM_QUIET")
        .current_dir(root)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Waits for the end of a build, tells the page how far it is, and gives what cargo says on
/// standard output.
pub async fn follow(
    cargo: &mut Child,
    page: &Sender<News>,
    budget: &Budget,
) -> Result<String, Cut> {
    let (mut stdout, stderr) = cargo.output()?;
    let mut messages = String::new();
    let reading = async {
        let read = stdout.read_to_string(&mut messages).await;
        read.context("cannot read cargo's messages")?;
        Ok::<(), Cut>(())
    };
    let telling = async {
        let (mut lines, mut shown) = (Lines::new(stderr), (0, 0));
        while let Some(line) = lines.next().await? {
            let Some(news) = news(&line) else { continue };
            match &news {
                News::Note { text } => budget.pay(text)?,
                // The bar is drawn again and again.
                News::Build { done, of } if shown == (*done, *of) => continue,
                News::Build { done, of } => shown = (*done, *of),
                _ => {}
            }
            let _ = page.send(news).await;
        }
        Ok::<(), Cut>(())
    };
    tokio::try_join!(reading, telling, async {
        Ok::<(), Cut>(cargo.ended().await?)
    })?;
    Ok(messages)
}

/// The listing's program, as cargo's messages tell it.
pub fn program(messages: &str, package: &str) -> anyhow::Result<PathBuf> {
    let program = artifacts::read(messages)?.remove(package);
    program.with_context(|| format!("the package {package} has no program of its own name"))
}

/// What a line of cargo's is to the page.
pub fn news(line: &str) -> Option<News> {
    // Erases what stood in the line before.
    let line = line.trim_start_matches("\u{1b}[K");
    let said = line.trim_start();
    if let Some(bar) = said.strip_prefix(BAR) {
        let (done, of) = bar.split_once("] ")?.1.split_once(':')?.0.split_once('/')?;
        let (done, of) = (done.trim().parse().ok()?, of.trim().parse().ok()?);
        return Some(News::Build { done, of });
    }
    let is_waiting = said.starts_with("Blocking ");
    let is_status = STATUS.iter().any(|status| said.starts_with(status));
    let text = if is_waiting { said } else { line.trim_end() };
    let told = is_waiting || !(is_status || text.is_empty());
    told.then(|| News::Note {
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_bar_is_progress_and_the_compilers_words_are_told() {
        let note = |text: &str| {
            let text = text.to_owned();
            Some(News::Note { text })
        };
        let bar = "    Building [====>                 ] 12/103: serde_core, syn(build.rs)";
        assert_eq!(news(bar), Some(News::Build { done: 12, of: 103 }));
        let blocked = "    Blocking waiting for file lock on build directory";
        let told = "Blocking waiting for file lock on build directory";
        assert_eq!(news(blocked), note(told));
        assert_eq!(news("   Compiling serde v1.0.229"), None);
        assert_eq!(news("    Finished `dev` profile in 0.1s"), None);
        assert_eq!(news(""), None);
        assert_eq!(
            news("error[E0308]: mismatched types"),
            note("error[E0308]: mismatched types")
        );
        assert_eq!(news("  --> src/main.rs:1:5"), note("  --> src/main.rs:1:5"));
    }
}
