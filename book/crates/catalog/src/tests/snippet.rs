use super::*;

const MAIN: &str = "\
//! A listing.
fn main() {
    // ANCHOR: all-of-it
    connect();
    // ANCHOR: publish
    if ready {
        publish();

    }
    // ANCHOR_END: publish
    // ANCHOR_END: all-of-it
}
";

fn book(main: &str) -> Book {
    Book::new().file("chapters/ch03-queue/src/main.rs", main)
}

fn error(main: &str) -> String {
    message(
        book(main)
            .open()
            .snippet("ch03-queue", DEFAULT_FILE, "publish"),
    )
}

#[test]
fn a_snippet_is_cut_dedented_and_knows_its_place() {
    let (_book, catalog) = book(MAIN).open_kept();
    let snippet = catalog
        .snippet("ch03-queue", DEFAULT_FILE, "publish")
        .unwrap();
    assert_eq!(snippet.code, "if ready {\n    publish();\n\n}\n");
    assert_eq!((snippet.first_line, snippet.lines), (6, 4));
    assert_eq!(snippet.path, Path::new("chapters/ch03-queue/src/main.rs"));
}

#[test]
fn marks_of_an_anchor_inside_another_are_left_out() {
    let (_book, catalog) = book(MAIN).open_kept();
    let snippet = catalog
        .snippet("ch03-queue", DEFAULT_FILE, "all-of-it")
        .unwrap();
    assert_eq!(
        snippet.code,
        "connect();\nif ready {\n    publish();\n\n}\n"
    );
    assert_eq!(snippet.first_line, 4);
}

#[test]
fn the_anchor_all_is_the_file() {
    let (_book, catalog) = book(MAIN).open_kept();
    let snippet = catalog.snippet("ch03-queue", DEFAULT_FILE, "all").unwrap();
    assert_eq!(snippet.lines, 8);
    assert!(!snippet.code.contains("ANCHOR"), "{}", snippet.code);
}

#[test]
fn anchors_are_listed_over_all_files() {
    let book = book(MAIN).file(
        "chapters/ch03-queue/src/args.rs",
        "// ANCHOR: knobs\nstruct Args;\n// ANCHOR_END: knobs\n",
    );
    let anchors = book.open().chapters()[0].anchors().unwrap();
    let seen: Vec<_> = anchors
        .iter()
        .map(|a| (a.file.as_str(), a.name.as_str(), a.line, a.lines))
        .collect();
    assert_eq!(
        seen,
        [
            ("src/args.rs", "knobs", 1, 1),
            ("src/main.rs", "all-of-it", 3, 5),
            ("src/main.rs", "publish", 5, 4),
        ]
    );
}

#[test]
fn a_missing_file_is_told() {
    let (_book, catalog) = book(MAIN).open_kept();
    assert_eq!(
        message(catalog.snippet("ch03-queue", "src/arg.rs", "all")),
        "chapters/ch03-queue/src/arg.rs does not exist; name a file in chapters/ch03-queue"
    );
}

#[test]
fn a_missing_anchor_names_the_nearest_or_all() {
    let (_book, catalog) = book(MAIN).open_kept();
    assert_eq!(
        message(catalog.snippet("ch03-queue", DEFAULT_FILE, "publis")),
        "chapters/ch03-queue/src/main.rs has no anchor `publis`; did you mean `publish`?"
    );
    assert_eq!(
        message(catalog.snippet("ch03-queue", DEFAULT_FILE, "topology")),
        "chapters/ch03-queue/src/main.rs has no anchor `topology`; there is: all-of-it, publish"
    );
}

#[test]
fn anchors_out_of_order_are_told_with_line_and_fix() {
    assert_eq!(
        error("\n// ANCHOR: publish\nfn publish() {}\n"),
        "chapters/ch03-queue/src/main.rs:2: the anchor `publish` is never closed; \
         add `// ANCHOR_END: publish` where it ends"
    );
    assert_eq!(
        error("// ANCHOR: publish\nf();\n// ANCHOR_END: publish\n// ANCHOR: publish\n"),
        "chapters/ch03-queue/src/main.rs:4: the anchor `publish` stands at line 1 already; \
         rename one of them"
    );
    assert_eq!(
        error("f();\n// ANCHOR_END: publish\n"),
        "chapters/ch03-queue/src/main.rs:2: ANCHOR_END closes `publish`, which is not open; \
         add `// ANCHOR: publish` above it"
    );
    assert_eq!(
        error("// ANCHOR: Publish it\n"),
        "chapters/ch03-queue/src/main.rs:1: `Publish it` is no anchor name; \
         use small letters, digits and hyphens"
    );
    assert_eq!(
        error("// ANCHOR: publish\n// ANCHOR_END: publish\n"),
        "chapters/ch03-queue/src/main.rs: the anchor `publish` holds no code; \
         put it around some or remove it"
    );
}
