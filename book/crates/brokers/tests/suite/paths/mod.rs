//! Folders to put on PATH.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A folder with links to all programs on PATH but those whose name `hides`.
pub fn path_without(hides: impl Fn(&str) -> bool) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for place in std::env::split_paths(&std::env::var_os("PATH").unwrap()) {
        for program in std::fs::read_dir(place).into_iter().flatten().flatten() {
            let name = program.file_name();
            if !hides(&name.to_string_lossy()) {
                // The first folder on PATH wins.
                let _ = symlink(program.path(), folder.path().join(name));
            }
        }
    }
    folder
}

/// Whether PATH has this program.
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).any(|folder| folder.join(program).exists())
}

/// Whether it is a Java, a Maven, or something that starts one.
pub fn is_java(name: &str) -> bool {
    ["java", "javac", "keytool", "mvn", "mvnDebug", "mvnyjp"].contains(&name)
}

/// Whether it is a Python or a pip.
pub fn is_python(name: &str) -> bool {
    name.starts_with("python") || name.starts_with("pip")
}

/// Writes a program. A shell writes it: had this process the file open, a test beside this one could
/// start a child that holds it open, too, and a file that somebody writes cannot be run.
pub fn script(folder: &Path, name: &str, text: &str) {
    let write = r#"printf '#!/bin/sh\n%s\n' "$2" > "$1" && chmod 755 "$1""#;
    let shell = Command::new("sh")
        .args(["-c", write, "sh"])
        .arg(folder.join(name))
        .arg(text)
        .status();
    assert!(shell.unwrap().success());
}

/// The folder of the newest version that the cache has, which is filled where it is empty.
pub async fn installed(kind: brokers::Kind) -> PathBuf {
    if brokers::installed(kind).unwrap().is_none() {
        let options = brokers::Options {
            source: Some(brokers::Source::Native),
            private: true,
            ..brokers::Options::default()
        };
        brokers::start(kind, options)
            .await
            .unwrap()
            .stop()
            .await
            .unwrap();
    }
    brokers::installed(kind)
        .unwrap()
        .expect("the cache has it now")
        .1
}
