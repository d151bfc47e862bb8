//! The workspace's programs, built once for all tests of a test binary.
//!
//! `cargo test` builds the binaries of the package it tests and no other's, and a transcript
//! needs the chapters' and the companion's. Cargo has let go of its locks by the time a test
//! runs, so a test can call it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::root;

/// The built programs by name: binaries and examples.
#[derive(Clone, Debug, Default)]
pub struct Programs(BTreeMap<String, PathBuf>);

/// A line of cargo's output, as far as it is of use here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// Builds all programs but the exercises', which are the reader's to write.
///
/// # Panics
/// When they do not build; cargo's messages are on standard error.
pub fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Result<Programs>> = OnceLock::new();
    match PROGRAMS.get_or_init(build) {
        Ok(programs) => programs,
        Err(error) => panic!("{error:#}"),
    }
}

/// What cargo tells a program about its own package. A build script may ask to run again when
/// it changes (ring's does), and cargo would build half the workspace anew, back and forth.
const OWN: [&str; 6] = [
    "CARGO_BIN_",
    "CARGO_CRATE_NAME",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_TMPDIR",
];

/// Cargo as a shell would start it: the one that runs the tests, where it is one, without what
/// it tells this program.
fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let own = name.to_str();
        if own.is_some_and(|name| OWN.iter().any(|own| name.starts_with(own))) {
            cargo.env_remove(name);
        }
    }
    cargo
}

fn build() -> Result<Programs> {
    let built = cargo()
        .args([
            "build",
            "--workspace",
            "--exclude",
            "ex*",
            "--bins",
            "--examples",
        ])
        .args(["--quiet", "--message-format=json-render-diagnostics"])
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()
        .context("cargo cannot be started")?;
    if !built.status.success() {
        bail!("the workspace does not build; see `cargo build --workspace --exclude 'ex*'`");
    }
    read(&String::from_utf8_lossy(&built.stdout))
}

fn read(messages: &str) -> Result<Programs> {
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
        if target
            .kind
            .iter()
            .any(|kind| kind == "bin" || kind == "example")
        {
            programs.insert(target.name, executable);
        }
    }
    Ok(Programs(programs))
}

impl Programs {
    /// The path of a program.
    ///
    /// # Errors
    /// When the workspace has none of this name; the message lists those that there are.
    pub fn path(&self, name: &str) -> Result<&Path> {
        let path = self.0.get(name).map(PathBuf::as_path);
        path.with_context(|| {
            let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
            format!(
                "the workspace has no program `{name}`; it has {}",
                names.join(", ")
            )
        })
    }

    /// All of them as JSON, for a program that cannot build them itself; see [`Programs::open`].
    ///
    /// # Errors
    /// When a path is no UTF-8.
    pub fn save(&self, path: &Path) -> Result<()> {
        std::fs::write(path, serde_json::to_vec(&self.0)?)?;
        Ok(())
    }

    /// What [`Programs::save`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn open(path: &Path) -> Result<Programs> {
        Ok(Programs(serde_json::from_slice(&std::fs::read(path)?)?))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn programs_are_taken_from_cargos_messages() {
        let messages = [
            r#"{"reason":"compiler-artifact","target":{"name":"tokio","kind":["lib"]},"executable":null}"#,
            r#"{"reason":"compiler-artifact","target":{"name":"ch03-queue","kind":["bin"]},"executable":"/t/ch03-queue"}"#,
            r#"{"reason":"compiler-artifact","target":{"name":"build-script-build","kind":["custom-build"]},"executable":"/t/b"}"#,
            r#"{"reason":"build-script-executed"}"#,
            r#"{"reason":"build-finished","success":true}"#,
        ];
        let programs = read(&messages.join("\n")).unwrap();
        assert_eq!(
            programs.path("ch03-queue").unwrap(),
            Path::new("/t/ch03-queue")
        );
        let error = programs.path("ch03").unwrap_err().to_string();
        assert_eq!(
            error,
            "the workspace has no program `ch03`; it has ch03-queue"
        );
    }

    #[test]
    fn cargo_is_not_told_of_this_package() {
        let cargo = cargo();
        let removed: Vec<_> = cargo
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .collect();
        let name = std::ffi::OsStr::new("CARGO_PKG_NAME");
        assert!(removed.contains(&(name, None)), "{removed:?}");
    }

    #[test]
    fn what_is_saved_is_read_back() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let programs = Programs([("a".to_owned(), PathBuf::from("/t/a"))].into());
        programs.save(file.path()).unwrap();
        assert_eq!(Programs::open(file.path()).unwrap().0, programs.0);
    }
}
