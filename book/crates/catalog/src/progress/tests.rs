#![allow(clippy::unwrap_used)]
use super::*;

fn progress() -> (tempfile::TempDir, Progress) {
    let folder = tempfile::tempdir().unwrap();
    let progress = Progress {
        folder: folder.path().join(".book"),
    };
    (folder, progress)
}

fn write(progress: &Progress, text: &str) {
    std::fs::write(progress.own("progress.json").unwrap(), text).unwrap();
}

fn written(progress: &Progress) -> String {
    std::fs::read_to_string(progress.path()).unwrap()
}

#[test]
fn what_was_passed_once_stays_passed() {
    let (_folder, progress) = progress();
    assert_eq!(progress.exercise("ex03-late").unwrap(), Attempts::default());
    for verdict in ["lost-message", "passed", "duplicate"] {
        progress.graded("ex03-late", verdict).unwrap();
    }
    progress.hinted("ex03-late", 2).unwrap();
    progress.hinted("ex03-late", 1).unwrap();
    let attempts = progress.exercise("ex03-late").unwrap();
    assert_eq!(attempts.verdict, "duplicate");
    assert!(attempts.passed);
    assert_eq!((attempts.runs, attempts.hints), (3, 2));
}

#[test]
fn all_that_a_reader_does_is_kept() {
    let (_folder, progress) = progress();
    progress.reached_end("ch01").unwrap();
    progress.ran("ch03-queue", Some("crash")).unwrap();
    progress.ran("ch03-queue", Some("crash")).unwrap();
    progress.ran("ch03-queue", None).unwrap();
    let answer = |option, right| Answer { option, right };
    for (page, answer) in [
        ("ch03-queue", answer(1, false)),
        ("ch03-queue", answer(0, true)),
        ("ch04", answer(2, false)),
    ] {
        progress
            .predicted(page, "ch03-queue/crash", &answer)
            .unwrap();
    }
    let record = progress.record().unwrap();
    assert!(record.pages["ch01"]);
    assert_eq!(record.runs["ch03-queue"]["crash"], 2);
    assert_eq!(record.runs["ch03-queue"]["*"], 1);
    let kept = |page: &str| record.predict[page]["ch03-queue/crash"];
    assert_eq!(kept("ch03-queue"), answer(0, true));
    assert_eq!(kept("ch04"), answer(2, false));
}

#[test]
fn what_others_keep_there_stays() {
    let (_folder, progress) = progress();
    write(
        &progress,
        r#"{"v": 1, "later": [1], "pages": {"gone": true},
            "predict": {"ch01": {"ch01/a": {"option": 1, "right": false, "note": "why"}}},
            "exercises": {"ex01-a": {"passed": true, "note": "mine"}}}"#,
    );
    progress.graded("ex01-a", "hangs").unwrap();
    let right = Answer {
        option: 0,
        right: true,
    };
    progress.predicted("ch01", "ch01/a", &right).unwrap();
    let (all, _) = progress.read().unwrap();
    assert_eq!(all["later"][0], 1);
    assert_eq!(all["pages"]["gone"], true);
    assert_eq!(all["predict"]["ch01"]["ch01/a"]["note"], "why");
    assert_eq!(all["predict"]["ch01"]["ch01/a"]["option"], 0);
    assert_eq!(all["exercises"]["ex01-a"]["note"], "mine");
    assert_eq!(all["exercises"]["ex01-a"]["runs"], 1);
    assert_eq!(all["exercises"]["ex01-a"]["passed"], true);
}

#[test]
fn a_file_of_another_kind_is_left_alone() {
    let (_folder, progress) = progress();
    for (text, said) in [
        ("", "malformed"),
        ("{\"v\": 2}", "another version"),
        ("{\"v\"", "malformed"),
        ("{\"v\": 1, \"pages\": 7}", "malformed"),
        ("{\"v\": 1, \"exercises\": 7}", "malformed"),
        ("{\"v\": 1, \"exercises\": {\"ex03-late\": 7}}", "malformed"),
        ("{\"v\": 1, \"runs\": {\"ch01\": {\"a\": -1}}}", "malformed"),
        (
            "{\"v\": 1, \"predict\": {\"ch01\": {\"a/b\": {}}}}",
            "malformed",
        ),
    ] {
        write(&progress, text);
        let right = Answer {
            option: 0,
            right: true,
        };
        for failed in [
            progress.graded("ex03-late", "hangs"),
            progress.reached_end("ch01"),
            progress.ran("ch01", None),
            progress.predicted("ch01", "ch01/a", &right),
            progress.export().map(drop),
        ] {
            let error = format!("{:#}", failed.unwrap_err());
            assert!(error.contains(said) && error.contains("--reset"), "{error}");
        }
        assert_eq!(written(&progress), text);
    }
}

#[test]
fn many_may_write_at_once() {
    let (_folder, progress) = progress();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| progress.graded("ex03-late", "hangs").unwrap());
            scope.spawn(|| progress.ran("ch01", Some("default")).unwrap());
        }
    });
    assert_eq!(progress.exercise("ex03-late").unwrap().runs, 8);
    assert_eq!(progress.record().unwrap().runs["ch01"]["default"], 8);
}

#[test]
fn what_is_taken_away_or_replaced_is_kept_beside_it() {
    let (_folder, progress) = progress();
    assert_eq!(progress.reset().unwrap(), None, "there is nothing yet");
    progress.reached_end("ch01").unwrap();
    let first = progress.export().unwrap();
    let copy = progress.reset().unwrap().unwrap();
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), first);
    assert!(progress.record().unwrap().pages.is_empty());
    assert_eq!(progress.import(&first).unwrap(), None);
    assert!(progress.record().unwrap().pages["ch01"]);
    write(&progress, "{ half of it");
    let second = progress.import(&first).unwrap().unwrap();
    assert_ne!(second, copy);
    assert_eq!(std::fs::read_to_string(&second).unwrap(), "{ half of it");
    assert_eq!(written(&progress), first);
}

#[test]
fn what_is_no_progress_of_this_book_is_not_taken_in() {
    let (_folder, progress) = progress();
    progress.reached_end("ch01").unwrap();
    let before = written(&progress);
    let large = format!(
        "{{\"v\": 1, \"pages\": {{\"{}\": true}}}}",
        "a".repeat(60_000)
    );
    for text in [
        "",
        "[]",
        "{}",
        "{\"v\": 2}",
        "{\"v\": 1, \"runs\": []}",
        &large,
    ] {
        let error = format!("{:#}", progress.import(text).unwrap_err());
        assert!(
            error.starts_with("it is no progress of this book: "),
            "{error}"
        );
        assert_eq!(written(&progress), before);
    }
}

const SUMMARY: &str = "# Summary\n\n[Begin](index.md)\n\n# Queues\n\n- [What](ch03.md)\n\
    - [A queue](ch03-queue.md)\n\n# Reference\n\n- [Words](words.md)\n\n---\n\n[Help](help.md)\n";

/// A book of five pages, with two runs on one of them.
fn book() -> (tempfile::TempDir, Catalog) {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("book.toml", "");
    write(
        "chapters/ch03-queue/Cargo.toml",
        "package.name = 'ch03-queue'\n",
    );
    for run in ["crash", "default"] {
        write(&format!("chapters/ch03-queue/transcripts/{run}.trycmd"), "");
    }
    write("book/src/SUMMARY.md", SUMMARY);
    write("book/src/index.md", "{{#predict ch03-queue/crash}}\n");
    write("book/src/ch03.md", "Text, and `{{#predict a}}`.\n");
    write(
        "book/src/ch03-queue.md",
        "{{#predict crash}}\n\n{{#predict ch03-queue/b}}\n\n{{#predict b}}\n",
    );
    write("book/src/words.md", "{{#reference words}}\n");
    write("book/src/help.md", "Help\n");
    let catalog = Catalog::open(folder.path()).unwrap();
    (folder, catalog)
}

#[test]
fn the_outline_has_what_there_is_to_do() {
    let (_folder, catalog) = book();
    let outline = catalog.outline().unwrap();
    let pages: Vec<_> = outline
        .iter()
        .map(|stop| format!("{}: {}, {}", stop.part, stop.slug, stop.title))
        .collect();
    assert_eq!(
        pages,
        [
            ": index, Begin",
            "Queues: ch03, What",
            "Queues: ch03-queue, A queue"
        ]
    );
    assert_eq!(outline[0].predictions, ["ch03-queue/crash"]);
    assert!(outline[1].predictions.is_empty());
    assert_eq!(outline[2].predictions, ["ch03-queue/crash", "ch03-queue/b"]);
    assert_eq!(outline[2].runs, ["crash", "default"]);
}

#[test]
fn figures_count_what_the_book_has() {
    let (_folder, catalog) = book();
    let (_own, progress) = progress();
    write(
        &progress,
        r#"{"v": 1,
            "pages": {"index": true, "ch03": false, "gone": true},
            "runs": {"ch03-queue": {"crash": 2, "gone": 1, "*": 3}, "gone": {"a": 1}},
            "predict": {"ch03-queue": {"ch03-queue/b": {"option": 0, "right": true},
                "ch03-queue/gone": {"option": 0, "right": true}}}}"#,
    );
    let record = progress.record().unwrap();
    let mut all = Figures::default();
    for stop in catalog.outline().unwrap() {
        all += stop.figures(&record);
    }
    let expected = Figures {
        pages: [1, 3],
        runs: [1, 2],
        predictions: [1, 3],
        right: 1,
        exercises: [0, 0],
        others: 3,
    };
    assert_eq!(all, expected);
}
