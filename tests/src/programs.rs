//! The workspace's programs, built once for all tests of a test binary.
//!
//! `cargo test` builds the binaries of the package it tests and no other's, and a transcript
//! needs the chapters' and the companion's. Cargo has let go of its locks by the time a test
//! runs, so a test can call it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use companion::artifacts::{self, GRADER, grader_of};
use companion::runner::Invocation;
use companion::toolchain;

use crate::root;

/// The built programs by name: binaries and examples.
#[derive(Clone, Debug, Default)]
pub struct Programs(BTreeMap<String, PathBuf>);

/// Builds all programs but the exercises', which are the reader's to write.
///
/// # Panics
/// When they do not build; cargo's messages are on standard error.
pub fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Result<Programs>> = OnceLock::new();
    match PROGRAMS.get_or_init(|| build(&[])) {
        Ok(programs) => programs,
        Err(error) => panic!("{error:#}"),
    }
}

/// The same, and those that these commands run with other features than by default.
///
/// The features are a package's own, and the whole workspace is built with them: so all else is
/// what it was, and a set of features costs one more program. Each set is built before the default,
/// since cargo puts both into the same file, and its program is set aside.
///
/// # Errors
/// When they do not build, or a command is malformed.
pub fn featured<'a>(commands: impl IntoIterator<Item = &'a str>) -> Result<Programs> {
    let mut sets = BTreeSet::new();
    for command in commands {
        let Invocation {
            package, features, ..
        } = Invocation::parse(command)?;
        if !features.is_empty() {
            sets.insert((package, features));
        }
    }
    let mut aside = BTreeMap::new();
    for (package, features) in sets {
        let wanted: Vec<String> = features
            .iter()
            .map(|feature| format!("{package}/{feature}"))
            .collect();
        let built = build(&["--features", &wanted.join(",")])?;
        let program = set_aside(built.path(&package)?, &features)?;
        aside.insert(key(&package, &features), program);
    }
    let mut programs = build(&[])?;
    programs.0.extend(aside);
    Ok(programs)
}

/// Gives a program a second name that the next build leaves alone. Its file keeps its name, which a
/// listing on somebody's own broker puts before what it makes there.
fn set_aside(program: &Path, features: &[String]) -> Result<PathBuf> {
    let folder = program.parent().context("a program lies in no folder")?;
    let folder = folder.join("features").join(features.join(","));
    std::fs::create_dir_all(&folder)?;
    let aside = folder.join(program.file_name().context("a program has no name")?);
    match std::fs::remove_file(&aside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    std::fs::hard_link(program, &aside).or_else(|_| std::fs::copy(program, &aside).map(|_| ()))?;
    Ok(aside)
}

/// Under what a program is known.
fn key(package: &str, features: &[String]) -> String {
    match features {
        [] => package.to_owned(),
        _ => format!("{package} --features {}", features.join(",")),
    }
}

fn build(more: &[&str]) -> Result<Programs> {
    let built = toolchain::cargo()
        .args([
            "build",
            "--workspace",
            "--exclude",
            "ex*",
            "--bins",
            "--examples",
            "--test",
            GRADER,
        ])
        .args(more)
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
    artifacts::read(messages).map(Programs)
}

impl Programs {
    /// The path of the program that a command runs.
    ///
    /// # Errors
    /// As [`Programs::path`].
    pub fn of(&self, invocation: &Invocation) -> Result<&Path> {
        self.path(&key(&invocation.package, &invocation.features))
    }

    /// The path of the program that grades an exercise's answers.
    ///
    /// # Errors
    /// As [`Programs::path`].
    pub fn grader(&self, exercise: &str) -> Result<&Path> {
        self.path(&grader_of(exercise))
    }

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
            r#"{"reason":"compiler-artifact","manifest_path":"/w/solutions/ex03-queue/Cargo.toml","target":{"name":"grade","kind":["test"]},"executable":"/t/grade-1"}"#,
            r#"{"reason":"build-script-executed"}"#,
            r#"{"reason":"build-finished","success":true}"#,
        ];
        let programs = read(&messages.join("\n")).unwrap();
        assert_eq!(
            programs.path("ch03-queue").unwrap(),
            Path::new("/t/ch03-queue")
        );
        assert_eq!(
            programs.grader("ex03-queue").unwrap(),
            Path::new("/t/grade-1")
        );
        let error = programs.path("ch03").unwrap_err().to_string();
        assert_eq!(
            error,
            "the workspace has no program `ch03`; it has ch03-queue, grade ex03-queue"
        );
    }

    #[test]
    fn a_program_is_known_by_its_features_and_keeps_its_name() {
        let invocation = |command| Invocation::parse(command).unwrap();
        let program = |path: &str| PathBuf::from(path);
        let programs = Programs(BTreeMap::from([
            ("a".to_owned(), program("/t/a")),
            ("a --features b,c".to_owned(), program("/t/features/b,c/a")),
        ]));
        let of = |command| programs.of(&invocation(command)).map(Path::to_path_buf);
        assert_eq!(of("cargo run -p a -- -x").unwrap(), program("/t/a"));
        let with = "cargo run -p a --features b,c -- -x";
        assert_eq!(of(with).unwrap(), program("/t/features/b,c/a"));
        assert!(of("cargo run -p a --features b").is_err());

        let folder = tempfile::tempdir().unwrap();
        let built = folder.path().join("a");
        let features = ["b".to_owned(), "c".to_owned()];
        for content in ["first", "second"] {
            // Cargo takes the old file away before it links the new one.
            let _ = std::fs::remove_file(&built);
            std::fs::write(&built, content).unwrap();
            let aside = set_aside(&built, &features).unwrap();
            assert_eq!(aside, folder.path().join("features/b,c/a"));
            assert_eq!(std::fs::read_to_string(aside).unwrap(), content);
        }
    }

    #[test]
    fn what_is_saved_is_read_back() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let programs = Programs([("a".to_owned(), PathBuf::from("/t/a"))].into());
        programs.save(file.path()).unwrap();
        assert_eq!(Programs::open(file.path()).unwrap().0, programs.0);
    }
}
