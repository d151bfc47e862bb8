//! Conventions of folders and names.

use std::collections::BTreeSet;

/// What the top folder holds, licence files and dot-files aside.
const TOP: [&str; 9] = [
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "book",
    "book.toml",
    "chapters",
    "exercises",
    "solutions",
    "tests",
];

/// The top folder holds what it must, the licences, dot-files, and nothing else.
pub fn top(names: &[String]) -> Vec<String> {
    let mut problems = Vec::new();
    for name in TOP {
        if !names.iter().any(|other| other == name) {
            problems.push(format!("{name} is missing in the top folder; add it"));
        }
    }
    for name in names {
        let is_free = name.starts_with('.') || name.starts_with("LICENSE");
        if !is_free && !TOP.contains(&name.as_str()) {
            problems.push(format!(
                "{name} does not belong in the top folder; move it below one of {}",
                TOP[3..].join(", ")
            ));
        }
    }
    problems
}

/// Every chapter has its page and every page of a chapter its folder, each with the same name.
pub fn folder_is_page(chapters: &[String], pages: &[String]) -> Vec<String> {
    let chapters: BTreeSet<&String> = chapters.iter().collect();
    let pages: BTreeSet<&String> = pages.iter().filter(|slug| is_chapter(slug)).collect();
    let mut problems = Vec::new();
    for id in chapters.difference(&pages) {
        problems.push(format!(
            "chapters/{id} has no page; write book/src/{id}.md and list it in book/src/SUMMARY.md"
        ));
    }
    for slug in pages.difference(&chapters) {
        problems.push(format!(
            "book/src/{slug}.md has no package; make chapters/{slug} with `cargo book new chapter {}`",
            slug.trim_start_matches("ch")
        ));
    }
    for id in chapters.iter().filter(|id| !is_chapter(id)) {
        problems.push(format!(
            "chapters/{id}: a chapter is named chNN-broker-subject; rename it"
        ));
    }
    problems
}

/// Whether this is a chapter's name: `ch`, two digits, a hyphen and the subject.
fn is_chapter(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.len() > 5
        && bytes.starts_with(b"ch")
        && bytes[2..4].iter().all(u8::is_ascii_digit)
        && bytes[4] == b'-'
}

/// Every page is in SUMMARY.md; one that is not would be left out of the book in silence.
pub fn pages_are_listed(files: &[String], listed: &[String]) -> Vec<String> {
    files
        .iter()
        .filter(|file| *file != "SUMMARY.md" && !listed.contains(file))
        .map(|file| format!("book/src/{file} is not in book/src/SUMMARY.md; list it there"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_top_folder_is_closed() {
        let mut good = names(&TOP);
        good.extend(names(&[".gitignore", "LICENSE-MIT"]));
        assert_eq!(top(&good), [""; 0]);
        good.remove(0);
        good.push("scripts".to_owned());
        assert_eq!(
            top(&good),
            [
                "Cargo.lock is missing in the top folder; add it",
                "scripts does not belong in the top folder; move it below one of book, book.toml, \
                 chapters, exercises, solutions, tests",
            ]
        );
    }

    #[test]
    fn a_folder_without_page_and_a_page_without_folder_are_told() {
        let pages = names(&["index", "ch03", "ch03-rabbit-queue"]);
        assert_eq!(
            folder_is_page(&names(&["ch03-rabbit-queue"]), &pages),
            [""; 0]
        );
        let problems = folder_is_page(&names(&["ch04-kafka-producer", "queue"]), &pages);
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert!(
            problems[0].starts_with("chapters/ch04-kafka-producer has no page; "),
            "{problems:?}"
        );
        assert!(
            problems[2].ends_with("`cargo book new chapter 03-rabbit-queue`"),
            "{problems:?}"
        );
        assert!(
            problems[3].starts_with("chapters/queue: a chapter is named"),
            "{problems:?}"
        );
    }

    #[test]
    fn a_page_outside_the_summary_is_told() {
        let files = names(&["SUMMARY.md", "index.md", "draft.md"]);
        assert_eq!(
            pages_are_listed(&files, &names(&["index.md"])),
            ["book/src/draft.md is not in book/src/SUMMARY.md; list it there"]
        );
    }
}
