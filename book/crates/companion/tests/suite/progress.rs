//! `cargo book progress`.

use std::process::Output;

use crate::common::Repository;
use crate::common::exercise::{exercise, with_exercise};
use crate::common::program::{book, stderr, stdout};
use crate::exercises::{answered, finish};

const FILE: &str = ".book/progress.json";
const SUMMARY: &str =
    "[First](index.md)\n\n# Part\n\n- [X](ch01-x.md)\n\n# More\n\n- [Second](second.md)\n";

fn with_progress(text: &str) -> Repository {
    let repository = with_exercise("ex03-once");
    exercise(&repository, "ex01-wildcards");
    exercise(&repository, "ex02-late");
    repository.chapter("ch01-x", "fn main() {}");
    for run in ["crash", "default"] {
        repository.write(&format!("chapters/ch01-x/transcripts/{run}.trycmd"), "");
    }
    repository.write("book/src/SUMMARY.md", SUMMARY);
    repository.write("book/src/ch01-x.md", "{{#predict a}}\n\n{{#predict b}}\n");
    repository.write(FILE, text);
    repository
}

fn progress(repository: &Repository, arguments: &[&str], answer: &str) -> Output {
    answered(book(repository, &["progress"]), arguments, answer)
}

#[test]
fn it_tells_each_part_and_exercise() {
    let repository = with_progress(
        r#"{"v": 1,
        "pages": {"ch01-x": true, "gone": true},
        "runs": {"ch01-x": {"crash": 3, "*": 1}},
        "predict": {"ch01-x": {"ch01-x/a": {"option": 0, "right": true},
                               "ch01-x/b": {"option": 0, "right": false}}},
        "exercises": {
            "ex02-late": {"verdict": "lost-message", "passed": true, "runs": 2},
            "ex03-once": {"verdict": "hangs", "runs": 1, "hints": 1}
        }}"#,
    );
    assert_eq!(
        stdout(&finish(&repository, &["progress"])),
        "Before all  pages 0 of 1, exercises 1 of 3\n\
         Part        pages 1 of 1, runs 1 of 2, predictions 2 of 2, 1 right\n\
         More        pages 0 of 1\n\
         · ex01-wildcards\n\
         ● ex02-late       passed, last lost-message, 2 runs\n\
         · ex03-once       hangs, 1 run, 1 hint\n\
         pages 1 of 3, runs 1 of 2, predictions 2 of 2, 1 right, exercises 1 of 3\n"
    );
}

#[test]
fn it_is_exported_taken_away_and_imported() {
    let text = r#"{"v": 1, "later": [1], "pages": {"ch01-x": true}}"#;
    let repository = with_progress(text);
    let output = progress(&repository, &["--export", "mine.json"], "");
    assert_eq!(stdout(&output), "your progress is in mine.json\n");
    let exported = repository.read("mine.json");
    assert!(exported.contains("later"));

    for no in ["", "n\n"] {
        let output = progress(&repository, &["--reset"], no);
        assert_eq!(output.status.code(), Some(1));
        assert!(stdout(&output).ends_with("nothing is changed\n"));
        assert_eq!(repository.read(FILE), text);
    }
    let output = progress(&repository, &["--reset"], "y\n");
    assert!(
        stdout(&output)
            .ends_with("your progress is kept as .book/progress-1.json\nyou begin anew\n"),
        "{}",
        stdout(&output)
    );
    assert_eq!(repository.read(".book/progress-1.json"), text);
    assert!(!repository.has(FILE));
    let again = progress(&repository, &["--reset"], "");
    assert_eq!(stdout(&again), "nothing is kept yet\n");

    // Where nothing is replaced, nothing is asked.
    let output = progress(&repository, &["--import", "mine.json"], "");
    assert_eq!(
        stdout(&output),
        ".book/progress.json is what mine.json was\n"
    );
    assert_eq!(repository.read(FILE), exported);
    let refused = progress(&repository, &["--import", "mine.json"], "no\n");
    assert_eq!(refused.status.code(), Some(1));
    let output = progress(&repository, &["--import", "mine.json", "--yes"], "");
    assert!(stdout(&output).starts_with("your progress is kept as .book/progress-2.json\n"));
}

#[test]
fn no_file_is_overwritten_and_only_a_progress_is_imported() {
    let repository = with_progress("{\"v\": 1}");
    repository.write("mine.json", "a letter");
    let output = progress(&repository, &["--export", "mine.json"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot write the new file mine.json"));
    assert_eq!(repository.read("mine.json"), "a letter");
    let output = progress(&repository, &["--import", "mine.json", "--yes"], "");
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains("mine.json: it is no progress of this book"),
        "{said}"
    );
    assert_eq!(repository.read(FILE), "{\"v\": 1}");
    assert!(!repository.has(".book/progress-1.json"));
    let output = progress(&repository, &["--import", "gone.json", "--yes"], "");
    assert!(stderr(&output).contains("cannot read gone.json"));
    let output = progress(&repository, &["--import", "a", "--reset"], "");
    assert_eq!(output.status.code(), Some(2), "one at a time");
}

#[test]
fn a_broken_file_is_told_and_may_be_put_aside() {
    let repository = with_progress("{ half of it");
    for arguments in [&[][..], &["--export", "mine.json"]] {
        let output = progress(&repository, arguments, "");
        assert_eq!(output.status.code(), Some(1));
        let said = stderr(&output);
        assert!(said.contains("progress.json is malformed"), "{said}");
        assert!(said.contains("cargo book progress --reset"), "{said}");
    }
    assert!(!repository.has("mine.json"));
    assert_eq!(repository.read(FILE), "{ half of it");
    let output = progress(&repository, &["--reset", "--yes"], "");
    assert!(stdout(&output).ends_with("you begin anew\n"));
    assert_eq!(repository.read(".book/progress-1.json"), "{ half of it");
}

#[test]
fn another_folder_may_be_named_for_ones_own_files() {
    let repository = with_progress("{\"v\": 1, \"pages\": {\"index\": true}}");
    let output = book(&repository, &["progress"])
        .env("BOOK_OWN", "elsewhere")
        .output();
    assert!(stdout(&output.unwrap()).contains("pages 0 of 3"));
}
