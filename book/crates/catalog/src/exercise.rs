//! An exercise: a folder under `exercises/` and one of the same name under `solutions/`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::Catalog;
use crate::files::{entries, instead, read, shown, stems};

/// How many hints an exercise has.
const HINTS: usize = 3;

/// One exercise.
#[derive(Clone, Debug)]
pub struct Exercise {
    /// The name of the folders and of the exercise's package, such as `ex04-idempotent-produce`.
    pub id: String,
    /// The learner's folder.
    pub dir: PathBuf,
    /// The folder of the solution, the stub of record and the naive answers.
    pub solution: PathBuf,
    /// The page that it belongs to.
    pub page: String,
    /// How much of the program the learner writes.
    pub rung: Rung,
    /// The first heading of its README.md.
    pub title: String,
    /// The task, in Markdown.
    pub task: String,
    /// The hints, in Markdown, from the first to the last.
    pub hints: Vec<String>,
    /// What an engineer might write, by name, with the verdict that it gets. Where the learner
    /// predicts, the variants of the program, the right ones as well.
    pub naive: BTreeMap<String, Naive>,
    /// Answers that are right and unlike the solution, by name: a grader judges what a program
    /// does, and not how it is built.
    pub others: Vec<String>,
}

/// How much of the program the learner writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rung {
    /// Nothing: the learner predicts the verdict.
    Judge,
    /// The deciding lines.
    Complete,
    /// All of it.
    Build,
}

/// An answer that looks right and is refused; or a variant whose verdict is to be predicted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Naive {
    /// What it is refused with, or `passed`.
    pub verdict: String,
    /// What its author believes, or who predicts another verdict, by id.
    pub misconception: String,
    /// Why it is refused without faults as well. Where this is missing, it is the fault that
    /// refuses it, and without faults it passes.
    pub without_faults: Option<String>,
}

#[derive(Deserialize)]
struct Manifest<T> {
    package: Package<T>,
}

#[derive(Deserialize)]
struct Package<T> {
    name: String,
    metadata: Metadata<T>,
}

#[derive(Deserialize)]
struct Metadata<T> {
    book: T,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    page: String,
    rung: Rung,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answers {
    naive: BTreeMap<String, Naive>,
}

impl Exercise {
    /// The name of the solution's package: `sol04-idempotent-produce`.
    pub fn solution_package(&self) -> String {
        solution_package(&self.id)
    }

    /// The number with which the names of its examples begin: `ex04-idempotent-produce`.
    pub fn example(&self, name: &str) -> String {
        format!("{}-{name}", self.id)
    }

    /// The names of its examples, without what all begin with: `stub`, `naive-default`.
    ///
    /// # Errors
    /// When the folder cannot be read, or one is named otherwise.
    pub fn examples(&self) -> Result<Vec<String>> {
        examples(&self.solution, &self.id)
    }

    /// The learner's file.
    pub fn main(&self) -> PathBuf {
        self.dir.join("src/main.rs")
    }

    /// The text of the solution.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn solved(&self) -> Result<String> {
        let path = self.solution.join("src/main.rs");
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// The stub of record, from which the learner's file begins.
    pub fn stub(&self) -> PathBuf {
        self.solution
            .join("examples")
            .join(self.example("stub") + ".rs")
    }
}

impl Catalog {
    /// All exercises, sorted by id.
    ///
    /// # Errors
    /// When one lacks a part, or a part is malformed.
    pub fn exercises(&self) -> Result<Vec<Exercise>> {
        let folders = entries(&self.root, &self.root.join("exercises"))?;
        let folders = folders.into_iter().filter(|path| path.is_dir());
        folders.map(|dir| read_one(&self.root, dir)).collect()
    }

    /// The exercise with this id; `ex04-idem` will do where it is the only one that begins so.
    ///
    /// # Errors
    /// When there is none, or more than one; the message names those that there are.
    pub fn exercise(&self, id: &str) -> Result<Exercise> {
        let all = self.exercises()?;
        if let Some(exercise) = all.iter().find(|exercise| exercise.id == id) {
            return Ok(exercise.clone());
        }
        let begin: Vec<&Exercise> = all.iter().filter(|one| one.id.starts_with(id)).collect();
        let names = |all: &[&Exercise]| -> Vec<String> {
            all.iter().map(|exercise| exercise.id.clone()).collect()
        };
        match begin.as_slice() {
            [one] if !id.is_empty() => Ok((*one).clone()),
            [_, ..] => bail!(
                "`{id}` is one of {}; write more of it",
                names(&begin).join(", ")
            ),
            _ => {
                let ids = names(&all.iter().collect::<Vec<_>>());
                let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                bail!("there is no exercise `{id}`; {}", instead(id, &ids));
            }
        }
    }
}

fn read_one(root: &Path, dir: PathBuf) -> Result<Exercise> {
    let id = dir.file_name().unwrap_or_default().to_string_lossy();
    let id = id.into_owned();
    let solution = root.join("solutions").join(&id);
    let about: Manifest<About> = manifest(root, &dir, &id)?;
    let answers: Manifest<Answers> = manifest(root, &solution, &solution_package(&id))?;
    let readme = dir.join("README.md");
    let text = read(root, &readme)?;
    let (title, task, hints) = parts(&text).with_context(|| shown(root, &readme))?;
    let examples = examples(&solution, &id)?.into_iter();
    let others = examples.filter_map(|name| Some(name.strip_prefix("other-")?.to_owned()));
    Ok(Exercise {
        others: others.collect(),
        id,
        dir,
        solution,
        page: about.package.metadata.book.page,
        rung: about.package.metadata.book.rung,
        title,
        task,
        hints,
        naive: answers.package.metadata.book.naive,
    })
}

fn solution_package(id: &str) -> String {
    format!("sol{}", id.trim_start_matches("ex"))
}

fn examples(solution: &Path, id: &str) -> Result<Vec<String>> {
    let begin = format!("{id}-");
    let mut names = Vec::new();
    for stem in stems(solution, &solution.join("examples"), ".rs")? {
        let name = stem.strip_prefix(&begin).with_context(|| {
            format!("solutions/{id}/examples/{stem}.rs: begin its name with {begin}")
        })?;
        names.push(name.to_owned());
    }
    Ok(names)
}

fn manifest<T: serde::de::DeserializeOwned>(
    root: &Path,
    dir: &Path,
    package: &str,
) -> Result<Manifest<T>> {
    let path = dir.join("Cargo.toml");
    let name = shown(root, &path);
    let manifest: Manifest<T> = toml::from_str(&read(root, &path)?)
        .with_context(|| format!("{name} is malformed; see exercises/README.md"))?;
    ensure!(
        manifest.package.name == package,
        "{name}: the package is named `{}`; name it `{package}`",
        manifest.package.name
    );
    Ok(manifest)
}

/// Title, task and hints of a README.md.
fn parts(text: &str) -> Result<(String, String, Vec<String>)> {
    let form =
        "it begins with `# TITLE`, then the task, then `## Hint 1`, `## Hint 2`, `## Hint 3`";
    let (title, mut rest) = text
        .strip_prefix("# ")
        .and_then(|text| text.split_once('\n'))
        .context(form)?;
    let mut pieces = Vec::new();
    for number in 1..=HINTS {
        let heading = format!("\n## Hint {number}\n");
        let (before, after) = rest.split_once(&heading).context(form)?;
        pieces.push(before.trim().to_owned());
        rest = after;
    }
    pieces.push(rest.trim().to_owned());
    ensure!(pieces.iter().all(|piece| !piece.is_empty()), form);
    let task = pieces.remove(0);
    Ok((title.trim().to_owned(), task, pieces))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_readme_has_its_parts() {
        let text = "# Once\n\nWrite it.\n\n## Hint 1\n\nA\n\n## Hint 2\n\nB\nb\n\n## Hint 3\n\nC\n";
        let (title, task, hints) = parts(text).unwrap();
        assert_eq!((title.as_str(), task.as_str()), ("Once", "Write it."));
        assert_eq!(hints, ["A", "B\nb", "C"]);
    }

    #[test]
    fn a_readme_without_a_part_is_refused() {
        for text in [
            "Once\n",
            "# Once\n\nWrite it.\n\n## Hint 1\n\nA\n\n## Hint 2\n\nB\n",
            "# Once\n\n## Hint 1\n\nA\n\n## Hint 2\n\nB\n\n## Hint 3\n\nC\n",
            "# Once\n\nWrite it.\n\n## Hint 1\n\n## Hint 2\n\nB\n\n## Hint 3\n\nC\n",
        ] {
            assert!(
                parts(text).unwrap_err().to_string().contains("## Hint 3"),
                "{text}"
            );
        }
    }
}
