//! `cargo book check`: what a change must pass.

use std::path::Path;
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use brokers::Group;
use companion::toolchain;
use tokio::process::Command;

use crate::{repository, signals};

/// Format, lints, pages, tests: in this order, up to the first that fails
///
/// Runs cargo fmt --all -- --check, cargo clippy --workspace --all-targets -- -D warnings, the same
/// with --all-features, cargo book build and cargo test. With --brokers floor it runs the claims
/// and the recorded runs alone, on the oldest brokers that the book supports; they come into the
/// cache beside the newest.
#[derive(clap::Args)]
pub struct Args {
    /// Which releases of the brokers
    #[arg(long, value_enum, default_value_t = Release::Newest)]
    brokers: Release,
}

/// Releases to check on.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Release {
    /// Those that the book was written with
    Newest,
    /// The oldest that it supports
    Floor,
}

/// What talks to a broker as the pages say that it does.
const ON_THE_FLOOR: (&str, &[&str]) = (
    "tests",
    &[
        "test",
        "--package",
        "book-tests",
        "--no-fail-fast",
        "--test",
        "brokers",
        "--test",
        "transcripts",
    ],
);

/// The steps that cargo does, in order; the pages are built between them.
const BEFORE_PAGES: [(&str, &[&str]); 3] = [
    ("format", &["fmt", "--all", "--", "--check"]),
    (
        "lints",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
    ),
    (
        "lints with all features",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-D",
            "warnings",
        ],
    ),
];
const TESTS: (&str, &[&str]) = ("tests", &["test"]);

/// Runs the steps; the error names the one that failed.
pub fn run(args: Args) -> Result<ExitCode> {
    signals::interruptible(async move {
        match args.brokers {
            Release::Newest => check().await,
            Release::Floor => check_floor().await,
        }
    })
}

async fn check_floor() -> Result<ExitCode> {
    let root = repository::root()?;
    let (name, arguments) = ON_THE_FLOOR;
    let mut tests = Command::from(toolchain::cargo());
    tests.args(arguments).env("BOOK_RELEASE", "floor");
    // A broker of the reader's own would be taken before the oldest one.
    for variable in ["NATS_URL", "AMQP_URL", "KAFKA_BOOTSTRAP_SERVERS", "BROKERS"] {
        tests.env_remove(variable);
    }
    let shown = format!("BOOK_RELEASE=floor cargo {}", arguments.join(" "));
    step(&root, name, &shown, tests).await?;
    eprintln!("check: all passed on the oldest brokers");
    Ok(ExitCode::SUCCESS)
}

async fn check() -> Result<ExitCode> {
    let root = repository::root()?;
    for (name, arguments) in BEFORE_PAGES {
        cargo_step(&root, name, arguments).await?;
    }
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut pages = Command::new(program);
    pages.arg("build");
    step(&root, "pages", "cargo book build", pages).await?;
    cargo_step(&root, TESTS.0, TESTS.1).await?;
    eprintln!("check: all passed");
    Ok(ExitCode::SUCCESS)
}

async fn cargo_step(root: &Path, name: &str, arguments: &[&str]) -> Result<()> {
    let mut command = Command::from(toolchain::cargo());
    command.args(arguments);
    step(
        root,
        name,
        &format!("cargo {}", arguments.join(" ")),
        command,
    )
    .await
}

async fn step(root: &Path, name: &str, shown: &str, mut command: Command) -> Result<()> {
    eprintln!("check: {name}: {shown}");
    let group = Group::spawn(command.current_dir(root).stdin(Stdio::null()));
    let mut group = group.with_context(|| format!("cannot start `{shown}`"))?;
    let status = group.wait().await.context("cannot wait for a step")?;
    if !status.success() {
        bail!("check failed at the {name}; after the fix, `{shown}` alone says whether it helped");
    }
    Ok(())
}
