//! The repository's own text files.

use std::path::Path;

use anyhow::{Context, Result};

/// Folders of the top level that are made by building and reading, not written.
const MADE: [&str; 3] = ["target", ".git", ".book"];
/// What npm installs beside the editor while somebody makes it anew.
const INSTALLED: &str = "node_modules";

/// A text file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path as seen from the top folder, such as `chapters/ch03-rabbit-queue/src/main.rs`.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl File {
    /// A file with this path and text.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> File {
        File {
            path: path.into(),
            text: text.into(),
        }
    }

    /// Whether its name ends so.
    pub fn is(&self, ending: &str) -> bool {
        self.path.ends_with(ending)
    }

    /// Whether it lies below this folder.
    pub fn below(&self, folder: &str) -> bool {
        let rest = self.path.strip_prefix(folder);
        rest.is_some_and(|rest| rest.starts_with('/'))
    }
}

/// All text files below `root`, sorted by path. What is built, and what is no UTF-8, is left out.
///
/// # Errors
/// When a folder or file cannot be read.
pub fn all(root: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    walk(root, root, &mut files)?;
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// The names of the top folder's entries, sorted; what is built is left out.
///
/// # Errors
/// When the folder cannot be read.
pub fn top(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !MADE.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<File>) -> Result<()> {
    let reading = || format!("cannot read {}", folder.display());
    for entry in std::fs::read_dir(folder).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        let shown = path.strip_prefix(root)?.to_string_lossy().into_owned();
        if MADE.contains(&shown.as_str()) || path.ends_with(INSTALLED) {
            continue;
        }
        if path.is_dir() {
            walk(root, &path, files)?;
            continue;
        }
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {shown}"))?;
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(File { path: shown, text });
        }
    }
    Ok(())
}
