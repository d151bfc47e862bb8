//! The programs of a build, as cargo's messages tell them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Deserialize;

/// The test of an exercise, and of its solution, that grades.
pub const GRADER: &str = "grade";

/// A line of cargo's account of a build, as far as it is of use here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// Under what name the grader of an exercise is given: all are called the same, and its folder, or
/// its solution's, tells whose it is.
pub fn grader_of(exercise: &str) -> String {
    format!("{GRADER} {exercise}")
}

/// The files of the binaries and examples by name, and those of the graders by [`grader_of`].
/// `messages` is what cargo says with `--message-format=json-render-diagnostics`.
///
/// # Errors
/// When a line is no message of cargo's.
pub fn read(messages: &str) -> Result<BTreeMap<String, PathBuf>> {
    let mut programs = BTreeMap::new();
    for line in messages.lines() {
        let message: Message = serde_json::from_str(line)
            .with_context(|| format!("cargo says what is no message: {line}"))?;
        if message.reason != "compiler-artifact" {
            continue;
        }
        let (Some(target), Some(executable)) = (message.target, message.executable) else {
            continue;
        };
        let is = |wanted: &str| target.kind.iter().any(|kind| kind == wanted);
        if is("bin") || is("example") {
            programs.insert(target.name, executable);
        } else if is("test") && target.name == GRADER {
            let manifest = message.manifest_path.context("cargo names no manifest")?;
            let folder = manifest.parent().and_then(|folder| folder.file_name());
            let exercise = folder.context("a manifest lies in no folder")?;
            programs.insert(grader_of(&exercise.to_string_lossy()), executable);
        }
    }
    Ok(programs)
}
