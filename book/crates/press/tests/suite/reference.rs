//! The parts of the reference, and the links to the glossary.

use crate::book::Book;

const GLOSSARY: &str = r#"
[queue]
says = "Messages that wait for `ack`."
nats = "stream"
rabbitmq = "queue"
kafka = "share group"

["AMQP 0-9-1"]
says = "A protocol."
rabbitmq = "AMQP"

[inbox]
says = "A table of ids."
"#;

const SETTINGS: &str = r#"
["x-overflow"]
default = "`drop-head`"
value = "`reject-publish`"
why = "A refusal is told."
source = "https://docs.example/overflow?a=1&b=2"
claim = "rabbit.auto-ack.loses"

["ConnectionProperties::with_name"]
default = "none"
value = "the service"
why = "One sees who it is."
source = "https://docs.example/name"
"#;

const PAGE: &str = r#"<!--
needs = []
terms = ["queue", "inbox", "shop"]
level = "spine"
-->

# A *queue*

A *Queue* and more *queues* on [*queue*](https://a.example/queue). `*inbox*` *later*
Lost. [claim: rabbit.auto-ack.loses]

{{#listing ch03-queue#publish}}

{{#predict lost}}

{{#transcript ch03-queue/auto}}

```rust
fn typed() {}
```
"#;

const MAIN: &str = r#"//! A queue.
fn main() {
    // ANCHOR: publish
    table("x-overflow=drop-head");
    ConnectionProperties::default().with_name(name);
    // ANCHOR_END: publish
}
"#;

/// A book whose first page holds a part of the reference.
fn book(part: &str) -> Book {
    Book::new()
        .file("book/glossary/all.toml", GLOSSARY)
        .file("book/settings/rabbitmq.toml", SETTINGS)
        .file(
            "chapters/ch03-queue/Cargo.toml",
            "package.name = 'ch03-queue'\npackage.metadata.book.lanes = ['shop', 'worker 1']\n\
             package.metadata.book.brokers = ['rabbitmq']\n",
        )
        .file("chapters/ch03-queue/src/main.rs", MAIN)
        .file(
            "book/src/index.md",
            &format!("# Lose a message\n\n{{{{#reference {part}}}}}\n"),
        )
        .page(PAGE)
}

/// The page with the part, as press makes it.
fn part(name: &str) -> String {
    book(name).pressed_page("Lose a message")
}

#[test]
fn the_glossary_gives_the_brokers_words_and_the_page() {
    insta::assert_snapshot!(part("glossary"));
}

#[test]
fn the_table_of_words_has_what_all_three_name() {
    insta::assert_snapshot!(part("words"));
}

#[test]
fn settings_lead_to_their_source_claim_and_listings() {
    insta::assert_snapshot!(part("settings rabbitmq"));
}

#[test]
fn misconceptions_lead_to_their_claim_and_prediction() {
    insta::assert_snapshot!(part("misconceptions"));
}

#[test]
fn coverage_is_counted() {
    insta::assert_snapshot!(part("coverage"));
}

#[test]
fn what_there_is_to_do_is_counted_for_each_page_and_part() {
    let summary =
        "[Start](index.md)\n\n# Rabbit\n\n- [What](what.md)\n- [A queue](ch03-queue.md)\n";
    let page = book("progress")
        .file("book/src/SUMMARY.md", summary)
        .file(
            "book/src/what.md",
            "# What\n\n{{#predict ch03-queue/lost}}\n",
        )
        .pressed_page("Start");
    insta::assert_snapshot!(page);
}

#[test]
fn sources_are_grouped_by_host() {
    insta::assert_snapshot!(part("sources"));
    // The sources of settings belong to the page that shows the settings.
    let settings = book("sources")
        .file(
            "book/src/index.md",
            "# Lose a message\n\n{{#reference sources}}\n\n{{#reference settings rabbitmq}}\n",
        )
        .pressed_page("Lose a message");
    assert!(settings.contains("<h2 id=\"docs.example\">"), "{settings}");
}

#[test]
fn terms_lead_to_the_glossary_once_and_not_from_headings_links_and_code() {
    let page = book("glossary").pressed();
    let (head, text) = page.split_once("A [*Queue*]").unwrap();
    insta::assert_snapshot!(head);
    let text = text.lines().next().unwrap();
    insta::assert_snapshot!(text, @"(index.md#term-queue) and more *queues* on [*queue*](https://a.example/queue). `*inbox*` *later*");
    let without = book("words").pressed();
    assert!(!without.contains("#term-"), "{without}");
}

#[test]
fn pages_of_one_title_are_told_apart_by_their_part() {
    let summary = "[Start](index.md)\n\n# Rabbit\n\n- [A queue](ch03-queue.md)\n\n\
                   # Cat\n\n- [A queue](cat.md)\n- [One](one.md)\n";
    let other = PAGE.replace("predict lost", "predict ch03-queue/lost");
    let page = book("coverage")
        .file("book/src/SUMMARY.md", summary)
        .file("book/src/cat.md", &other)
        .file("book/src/one.md", &other)
        .pressed_page("Start");
    let titles: Vec<&str> = page
        .lines()
        .filter_map(|line| line.split_once(".md\">")?.1.split('<').next())
        .collect();
    assert_eq!(titles, ["Rabbit: A queue", "Cat: A queue", "One"]);
}

#[test]
fn what_is_wrong_is_told() {
    insta::assert_snapshot!(book("glosary").report());
    insta::assert_snapshot!(book("settings redis").report());
    let claim = SETTINGS.replace("auto-ack.loses", "auto-ack.looses");
    let settings = book("settings rabbitmq").file("book/settings/rabbitmq.toml", &claim);
    insta::assert_snapshot!(settings.report());
    let unmade = book("settings rabbitmq").page("# A queue\n");
    insta::assert_snapshot!(unmade.report());
    let malformed = book("glossary").file("book/glossary/all.toml", "[a]\nsay = 'b'\n");
    insta::assert_snapshot!(malformed.report());
}
