//! Exercises on their pages.

use crate::book::Book;

const README: &str = "# Once\n\nWrite it.\n\n## Hint 1\n\nA\n\n## Hint 2\n\nB\n\n## Hint 3\n\nC\n";

/// A book with an exercise of the chapter's page.
fn book() -> Book {
    Book::new()
        .file(
            "exercises/ex03-once/Cargo.toml",
            "package.name = 'ex03-once'\n\
             package.metadata.book = { page = 'ch03-queue', rung = 'build' }\n",
        )
        .file("exercises/ex03-once/README.md", README)
        .file(
            "solutions/ex03-once/Cargo.toml",
            "package.name = 'sol03-once'\n\
             package.metadata.book.naive.early = { verdict = 'hangs', misconception = 'M05' }\n",
        )
        .file("solutions/ex03-once/src/main.rs", "fn solved() {}\n")
        .page("# A queue\n\n{{#exercise ex03-once}}\n")
}

#[test]
fn a_solution_is_shown_only_once_its_exercise_is_passed() {
    let page = book().pressed();
    assert!(
        page.contains("<strong>Exercise: write the program.</strong> Once"),
        "{page}"
    );
    assert!(!page.contains("solved"), "{page}");
    let progress = |passed: bool| {
        let text = format!(r#"{{"v": 1, "exercises": {{"ex03-once": {{"passed": {passed}}}}}}}"#);
        book().file(".book/progress.json", &text)
    };
    assert!(!progress(false).pressed().contains("solved"));
    assert!(progress(true).pressed().contains("solved"));
}

#[test]
fn an_exercise_stands_on_its_page_under_its_name() {
    let report = |page: &str| book().page(page).report();
    assert_eq!(
        report("# A queue\n\n{{#exercise ex03}}\n").lines().next(),
        Some("book/src/ch03-queue.md:3: `ex03` is no exercise; write `ex03-once`")
    );
    let elsewhere = book()
        .file(
            "book/src/index.md",
            "# Lose a message\n\n{{#exercise ex03-once}}\n",
        )
        .report();
    assert!(
        elsewhere.contains("book/src/index.md:3: ex03-once belongs to the page ch03-queue"),
        "{elsewhere}"
    );
}

#[test]
fn progress_that_cannot_be_read_is_told() {
    let report = book().file(".book/progress.json", "{").report();
    assert!(report.contains("progress.json is malformed"), "{report}");
}
