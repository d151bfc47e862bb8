use super::*;

fn book(summary: &str) -> Book {
    Book::new()
        .file("book/src/SUMMARY.md", summary)
        .file("book/src/index.md", "# Lose a message")
        .file("book/src/ch03-queue.md", "# Queue")
}

#[test]
fn pages_come_in_the_order_of_the_summary() {
    let book = book(
        "# Summary\n\n[Lose a message](index.md)\n\n# Part\n\n- [The `queue`](./ch03-queue.md)\n  - [Draft]()\n",
    );
    let text = message(book.open().pages());
    assert_eq!(
        text,
        "book/src/SUMMARY.md:8: `` is no page; link to a file NAME.md"
    );

    let book = book.file(
        "book/src/SUMMARY.md",
        "[Lose a message](index.md)\n\n- [The `queue`](./ch03-queue.md)\n",
    );
    let pages = book.open().pages().unwrap();
    let seen: Vec<_> = pages
        .iter()
        .map(|page| (page.title.as_str(), page.slug.as_str(), page.depth))
        .collect();
    assert_eq!(
        seen,
        [
            ("Lose a message", "index", 0),
            ("The queue", "ch03-queue", 1)
        ]
    );
}

#[test]
fn a_page_that_is_missing_or_twice_there_is_told_with_its_line() {
    let error = |summary: &str| message(book(summary).open().pages());
    assert_eq!(
        error("- [A](index.md)\n- [B](ch09.md)\n"),
        "book/src/SUMMARY.md:2: book/src/ch09.md does not exist; write it or remove the line"
    );
    assert_eq!(
        error("- [A](index.md)\n- [B](./index.md)\n"),
        "book/src/SUMMARY.md:2: ./index.md is listed twice; remove one of the lines"
    );
}

#[test]
fn the_head_of_a_page_is_its_first_comment() {
    let head = Head::parse(
        "<!--\nneeds = [\"ch01-delivery\"]\nterms = [\"prefetch\"]\nlevel = \"spine\"\n-->\n# Title\n",
    )
    .unwrap();
    assert_eq!(head.needs, ["ch01-delivery"]);
    assert_eq!(head.level, Level::Spine);
    let text = message(Head::parse("# Title\n<!-- later -->\n"));
    assert!(
        text.starts_with("the page does not begin with its head"),
        "{text}"
    );
    let text = message(Head::parse("<!--\nlevel = \"middle\"\n-->\n"));
    assert!(
        text.starts_with("the head of the page is malformed: TOML parse error at line 2"),
        "{text}"
    );
}

#[test]
fn directives_stand_in_the_text_only() {
    let page = "\
<!-- {{#listing in#comment}} -->
{{#listing ch03-queue#publish}}
As `{{#listing in#code}}` and \\{{#listing escaped#one}} show, {{#predict lost}}.
{{#run}} {{#broken
";
    let seen: Vec<_> = directives(page)
        .into_iter()
        .map(|found| {
            (
                found.line,
                found.name,
                found.argument,
                page[found.range].to_owned(),
            )
        })
        .collect();
    let expected = [
        (
            2,
            "listing",
            "ch03-queue#publish",
            "{{#listing ch03-queue#publish}}",
        ),
        (3, "predict", "lost", "{{#predict lost}}"),
        (4, "run", "", "{{#run}}"),
    ]
    .map(|(line, name, argument, text)| {
        (line, name.to_owned(), argument.to_owned(), text.to_owned())
    });
    assert_eq!(seen, expected);
}

#[test]
fn prose_keeps_every_place() {
    let page = "Tür `cöde` <!-- ünd --> ende\n\n```rust\nlet ü = 1;\n```\n";
    let prose = prose(page);
    assert_eq!(prose.len(), page.len());
    assert_eq!(prose.lines().count(), page.lines().count());
    assert!(
        prose.starts_with("Tür ") && prose.contains(" ende"),
        "{prose}"
    );
    assert!(
        !prose.contains("let") && !prose.contains("nd --"),
        "{prose}"
    );
}
