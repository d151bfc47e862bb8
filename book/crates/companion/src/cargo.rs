//! Calls of cargo.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use brokers::Group;
use companion::artifacts::{self, GRADER, grader_of};
use companion::toolchain;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// Builds the binaries of these packages, each with all of these features, and gives their files by
/// package. What the compiler says goes to stderr. The next build of a package with other features
/// puts another binary into the same file.
pub async fn build(
    root: &Path,
    packages: &[&str],
    features: &[String],
) -> Result<BTreeMap<String, PathBuf>> {
    let mut arguments = vec!["--bins".to_owned()];
    for package in packages {
        arguments.extend(["--package".to_owned(), (*package).to_owned()]);
    }
    if !features.is_empty() {
        arguments.extend(["--features".to_owned(), features.join(",")]);
    }
    let programs = programs(root, &arguments).await?;
    match packages
        .iter()
        .find(|&&package| !programs.contains_key(package))
    {
        Some(package) => bail!("the package {package} has no program of its own name"),
        None => Ok(programs),
    }
}

/// Builds the program of an exercise and its grader, and gives the grader's file. What the compiler
/// says goes to stderr.
pub async fn grader(root: &Path, exercise: &str) -> Result<PathBuf> {
    let arguments = ["--package", exercise, "--test", GRADER].map(str::to_owned);
    let mut programs = programs(root, &arguments).await?;
    let grader = programs.remove(&grader_of(exercise));
    grader.with_context(|| format!("the package {exercise} has no test {GRADER}"))
}

/// Builds the answers of these solutions' packages and what grades them, and gives their files: by
/// name, a grader's by [`grader_of`].
pub async fn answers(root: &Path, packages: &[String]) -> Result<BTreeMap<String, PathBuf>> {
    let mut arguments = ["--bins", "--examples", "--test", GRADER]
        .map(str::to_owned)
        .to_vec();
    for package in packages {
        arguments.extend(["--package".to_owned(), package.clone()]);
    }
    programs(root, &arguments).await
}

/// Runs `cargo build` and gives the files of the programs that it has made, by name.
async fn programs(root: &Path, arguments: &[String]) -> Result<BTreeMap<String, PathBuf>> {
    let mut command = Command::from(toolchain::cargo());
    command.args([
        "build",
        "--quiet",
        "--message-format=json-render-diagnostics",
    ]);
    command
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut group = Group::spawn(&mut command).context("cannot start cargo")?;
    let mut messages = String::new();
    let stdout = group.child.stdout.as_mut().context("cargo has no stdout")?;
    stdout
        .read_to_string(&mut messages)
        .await
        .context("cannot read cargo's output")?;
    let status = group.wait().await.context("cannot wait for cargo")?;
    ensure!(status.success(), "cargo build failed");
    artifacts::read(&messages)
}
