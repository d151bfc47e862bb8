//! Folders to put on PATH.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

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

pub fn script(folder: &Path, name: &str, text: &str) {
    let file = folder.join(name);
    std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
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
