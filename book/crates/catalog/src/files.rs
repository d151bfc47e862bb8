//! Reading files and naming them in messages.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The name nearest to `wanted` in typing, if one is near: at most a third of its letters differ.
pub fn nearest<'a>(wanted: &str, names: &[&'a str]) -> Option<&'a str> {
    names
        .iter()
        .map(|name| (strsim::damerau_levenshtein(wanted, name), *name))
        .filter(|(distance, name)| distance * 3 <= name.chars().count().max(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// What to write instead of a name that does not exist.
pub(crate) fn instead(wanted: &str, names: &[&str]) -> String {
    match nearest(wanted, names) {
        Some(name) => format!("did you mean `{name}`?"),
        None if names.is_empty() => "there is none at all".to_owned(),
        None => format!("there is: {}", names.join(", ")),
    }
}

/// `path` as seen from `root`.
pub(crate) fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}

/// The text of a file; the error names it.
pub(crate) fn read(root: &Path, path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", shown(root, path)))
}

/// The entries of a folder, sorted; none when there is no such folder.
pub(crate) fn entries(root: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let reading = || format!("cannot read the folder {}", shown(root, folder));
    let mut paths = std::fs::read_dir(folder)
        .with_context(reading)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .with_context(reading)?;
    paths.sort();
    Ok(paths)
}

/// All files below a folder whose name ends in `ending`, sorted.
pub(crate) fn below(root: &Path, folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in entries(root, folder)? {
        if path.is_dir() {
            found.extend(below(root, &path, ending)?);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    Ok(found)
}

/// The names of a folder's files that end in `ending`, without it, sorted.
pub(crate) fn stems(root: &Path, folder: &Path, ending: &str) -> Result<Vec<String>> {
    Ok(entries(root, folder)?
        .iter()
        .filter_map(|path| path.file_name()?.to_str()?.strip_suffix(ending))
        .map(str::to_owned)
        .collect())
}
