//! The README, and whoever names an exercise, names what exists.

use std::collections::BTreeSet;
use std::path::Path;

use catalog::{Catalog, nearest};

/// Folders whose names begin a path of the repository.
const FOLDERS: [&str; 7] = [
    "book/",
    "chapters/",
    "exercises/",
    "solutions/",
    "tests/",
    ".ci/",
    ".github/",
];

/// The commands of `cargo book` that take an exercise.
const EXERCISING: [&str; 4] = ["grade", "watch", "hint", "reset"];

/// Every package that it runs and every path that it names in code is there.
pub fn names_what_exists(readme: &str, book: &Catalog, members: &[String]) -> Vec<String> {
    let mut problems = Vec::new();
    for (index, line) in readme.lines().enumerate() {
        let place = format!("README.md:{}", index + 1);
        let words = words(line);
        for pair in words.windows(2).filter(|pair| pair[0] == "-p") {
            // An upper-case or NN name stands for any.
            let is_named = !pair[1].contains(|c: char| c.is_ascii_uppercase());
            if is_named && !members.iter().any(|member| member == pair[1]) {
                let names: Vec<&str> = members.iter().map(String::as_str).collect();
                let near = nearest(pair[1], &names).unwrap_or("one of the workspace");
                problems.push(format!(
                    "{place}: there is no package `{}`; name {near}",
                    pair[1]
                ));
            }
        }
        for word in words {
            let is_path = FOLDERS.iter().any(|folder| word.starts_with(folder));
            let is_named = !word.contains(|c: char| c.is_ascii_uppercase() || "*<>".contains(c));
            if is_path && is_named && !exists(book.root(), word) {
                problems.push(format!(
                    "{place}: there is no {word}; correct it or leave it out"
                ));
            }
        }
    }
    // The sidebar lists the pages; the README says which chapters there are, by one page of each.
    let mut told = BTreeSet::new();
    for chapter in book.chapters() {
        let number = chapter.id.split('-').next().unwrap_or_default();
        if !readme.contains(&format!("{number}-")) && told.insert(number) {
            problems.push(format!(
                "README.md names no page of {number}; add {} where it lists what there is",
                chapter.id
            ));
        }
    }
    problems
}

/// Each exercise that a command in this text names, by its name or the beginning of it, is there, and
/// is one alone. `place` is the text's file.
pub fn exercises_exist(place: &str, text: &str, book: &Catalog) -> Vec<String> {
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let words = words(line);
        for three in words.windows(3) {
            let is_command = three[0] == "book" && EXERCISING.contains(&three[1]);
            // An upper-case or NN name stands for any.
            let is_named = !three[2].contains(|c: char| c.is_ascii_uppercase());
            if is_command
                && three[2].starts_with("ex")
                && is_named
                && let Err(error) = book.exercise(three[2])
            {
                problems.push(format!("{place}:{}: {error:#}", index + 1));
            }
        }
    }
    problems
}

/// The words of a line, without what stands around a word in Markdown.
fn words(line: &str) -> Vec<&str> {
    line.split(|c: char| c.is_whitespace() || "`()[],;".contains(c))
        .collect()
}

fn exists(root: &Path, word: &str) -> bool {
    root.join(word.trim_end_matches([':', '.'])).exists()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_not_there_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("book.toml"), "").unwrap();
        std::fs::create_dir_all(folder.path().join("chapters/ch03-queue")).unwrap();
        let manifest = folder.path().join("chapters/ch03-queue/Cargo.toml");
        std::fs::write(manifest, "package.name = 'ch03-queue'").unwrap();
        let book = Catalog::open(folder.path()).unwrap();
        let members = ["ch03-queue".to_owned()];

        let good = "`cargo run -p ch03-queue`, see [it](chapters/ch03-queue/Cargo.toml).\n`cargo test -p exNN-NAME`, chapters/chNN-NAME/\n";
        assert_eq!(names_what_exists(good, &book, &members), [""; 0]);

        let bad = "cargo run -p ch03-quue\nsee `chapters/ch04-x/src`.\n";
        assert_eq!(
            names_what_exists(bad, &book, &members),
            [
                "README.md:1: there is no package `ch03-quue`; name ch03-queue",
                "README.md:2: there is no chapters/ch04-x/src; correct it or leave it out",
            ]
        );
        assert_eq!(
            names_what_exists("chapters", &book, &members),
            ["README.md names no page of ch03; add ch03-queue where it lists what there is"]
        );
    }

    #[test]
    fn an_exercise_that_is_not_there_or_not_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("book.toml"), "").unwrap();
        std::fs::create_dir_all(folder.path().join("chapters")).unwrap();
        let book = Catalog::open(folder.path()).unwrap();
        assert_eq!(
            exercises_exist("x.md", "\nSay `cargo book grade ex04`.\n", &book).len(),
            1
        );
        for good in [
            "`cargo book grade exNN-slug`",
            "grade ex04",
            "`cargo book run ex04`",
        ] {
            assert_eq!(exercises_exist("x.md", good, &book), [""; 0]);
        }
    }
}
