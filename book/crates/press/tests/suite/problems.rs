//! What is wrong with pages, and with what calls press.

use crate::book::{Book, press};

#[test]
fn every_problem_of_every_page_comes_in_one_report() {
    let book = Book::new()
        .file(
            "book/src/index.md",
            "# Lose a message\n\n{{#predict lost}}\n\n{{#predict ch03-queue/last}}\n\n\
             Sure. [claim: rabbit.auto-ack.looses]\n",
        )
        .page(
            "<!--\nneeds = [\"indx\"]\nterms = []\nlevel = \"spine\"\n-->\n# A queue\n\n\
             {{#listing ch03-queue#publsh}}\n\n\
             {{#listing ch03-queue:src/arg.rs#all}}\n\n\
             {{#listing ch03-que#publish}}\n\n\
             {{#transcript ch03-queue/aut}}\n\n\
             {{#listng ch03-queue#publish}}\n\n\
             {{#exercise ex03}}\n\n\
             {{#listing ch03-queue}}\n\n\
             {{#transcript auto}}\n\n\
             {{#listing ch03-queue#publish\n\n\
             {{ #listing ch03-queue#publish}}\n\n\
             In a sentence {{#listing ch03-queue#publish}} it does not work.\n\n\
             {{#listing ch03-queue#publish}}\n## No blank line\n\n\
             [claim: redelivered] [claim: nats.a.b, nats.c.d] [claim: nats.core.lost]\n\n\
             {{#listing ch03-queue#publish It works. [claim: rabbit.auto-ack.loses]}}\n",
        );
    insta::assert_snapshot!(book.report());
}

/// The report on a chapter's page that is wrong in one way.
fn report(page: &str) -> String {
    Book::new().page(page).report()
}

#[test]
fn a_malformed_head() {
    insta::assert_snapshot!(report(
        "<!--\nneeds = []\nterms = []\nlevel = \"spline\"\n-->\n# A queue\n"
    ));
    insta::assert_snapshot!(report("<!-- to do -->\n# A queue\n"));
    insta::assert_snapshot!(report("# A queue\n\n<!--\nneeds = []\n-->\n"));
}

#[test]
fn a_prediction_that_no_option_answers() {
    let book = Book::new()
        .file(
            "chapters/ch03-queue/predict/lost.toml",
            "ask = 'How many?'\nrun = 'auto'\nfact = 'strip.lost'\n\
             [[option]]\ntext = 'None'\nvalue = 0\n",
        )
        .page("{{#predict lost}}\n");
    insta::assert_snapshot!(book.report());
}

#[test]
fn a_misconception_whose_claim_no_test_shows() {
    let book = Book::new()
        .file(
            "book/misconceptions.toml",
            "[M05]\nsays = 'it is safe'\nclaim = 'rabbit.a.b'\npage = 'ch03-queue'\n",
        )
        .page("{{#predict lost}}\n");
    insta::assert_snapshot!(book.report());
}

#[test]
fn a_recording_that_is_malformed_or_does_not_add_up() {
    let file = "chapters/ch03-queue/transcripts/auto.run.json";
    let page = "{{#transcript ch03-queue/auto}}\n";
    insta::assert_snapshot!(Book::new().file(file, "{").page(page).report());
    let wrong = r#"{"command": "x", "broker": {"name": "RabbitMQ", "version": "4.3.6"},
        "client": "", "date": "2026-11-24", "wire": [],
        "lines": [{"ms": 1, "lane": "fate", "text": "o-1 ●D"}, {"ms": 1, "lane": "fate", "text": "2 done"}]}"#;
    insta::assert_snapshot!(Book::new().file(file, wrong).page(page).report());
}

#[test]
fn an_include_that_mdbook_could_not_follow_stops_the_build() {
    let page = "# A queue\n\n{{#include none.md}}\n\n```toml\n{{#include none.toml}}\n```\n\n\
                Write `\\{{#include file}}` for it.\n";
    insta::assert_snapshot!(report(page));
    let book = Book::new().page(page);
    assert!(book.build("index.html").is_err());
}

#[test]
fn lines_are_those_of_the_file_even_below_an_include() {
    let book = Book::new()
        .file("book/src/part.inc", "one\n\ntwo\n\nthree\n")
        .page("{{#include part.inc}}\n\n{{#listing ch03-queue#none}}\n");
    // Press runs after mdBook's own preprocessor, whose work is done here by hand.
    let input = book
        .press_input()
        .replace("{{#include part.inc}}", "one\\n\\ntwo\\n\\nthree");
    let output = press(&[], input.as_bytes());
    let report = String::from_utf8(output.stderr).unwrap();
    assert!(report.starts_with("book/src/ch03-queue.md:3: "), "{report}");
}

#[test]
fn no_book_is_made_when_a_page_is_wrong() {
    let book = Book::new().page("{{#listing ch03-queue#none}}\n");
    let error = book.build("index.html").unwrap_err();
    assert!(error.contains("press"), "{error}");
    assert!(!book.is_built());
}

#[test]
fn a_claim_on_a_function_that_is_no_test() {
    let book = Book::new().file("tests/tests/claims.rs", "/// claim: a.b.c\nfn shown() {}\n");
    insta::assert_snapshot!(book.report());
}

#[test]
fn a_call_by_hand_and_another_mdbook() {
    let by_hand = press(&["--help"], b"");
    assert_eq!(by_hand.status.code(), Some(1));
    insta::assert_snapshot!(String::from_utf8(by_hand.stderr).unwrap());
    let nonsense = press(&[], b"{}");
    assert_eq!(nonsense.status.code(), Some(1));
    insta::assert_snapshot!(String::from_utf8(nonsense.stderr).unwrap());
    let input = Book::new().press_input().replace("0.5.4", "0.6.0");
    let other = press(&[], input.as_bytes());
    assert_eq!(other.status.code(), Some(1));
    insta::assert_snapshot!(String::from_utf8(other.stderr).unwrap());
}
