//! Pages through the built press, and through mdBook with press in it.

use crate::book::{Book, press};

const GOOD: &str = r#"<!--
needs = ["index"]
terms = ["auto-ack"]
level = "deeper"
-->

# A queue

Orders go through a queue. With auto-ack they may be lost. [claim: rabbit.auto-ack.loses]

{{#listing ch03-queue#publish The `confirm` is the broker's word.}}

{{#listing ch03-queue#connect}}

{{#listing ch03-queue:src/args.rs#all}}

{{#predict lost}}

{{#transcript ch03-queue/auto}}

1. In a list:

   {{#transcript ch03-queue/auto}}

   ```rust
   fn main() {

       run().await
   }
   ```

> {{#listing ch03-queue#publish}}
>
> After.

```text
{{#listing in-code}} [claim: in.code.it]
```

`{{#listing in-code}}` and \{{#listing escaped}} and \[claim: es.cap.ed] <!-- {{#listing commented}} -->
"#;

#[test]
fn a_good_page() {
    insta::assert_snapshot!(Book::new().page(GOOD).pressed());
}

#[test]
fn a_good_page_as_mdbook_renders_it() {
    let html = Book::new().page(GOOD).build("ch03-queue.html").unwrap();
    let main = html.split_once("<main>").unwrap().1;
    let main = main.split_once("</main>").unwrap().0;
    insta::assert_snapshot!(main);
}

#[test]
fn what_stands_in_the_page_reaches_the_reader_unchanged() {
    let html = Book::new().page(GOOD).build("ch03-queue.html").unwrap();
    // The blank line in the code did not end the listing.
    assert!(
        html.contains("(<span class=\"hljs-number\">1</span>);\n\n<span"),
        "{html}"
    );
    // What was escaped, and what stands in code, is text.
    for text in [
        "{{#listing in-code}}",
        "{{#listing escaped}}",
        "[claim: es.cap.ed]",
    ] {
        assert!(html.contains(text), "{text} in {html}");
    }
    // No browser has to highlight, and no page asks another host for anything.
    assert!(!html.contains("playground\""), "{html}");
    assert!(!html.contains("src=\"http"), "{html}");
}

#[test]
fn an_include_is_followed_and_its_listings_are_put_in() {
    let html = Book::new()
        .file("book/src/part.inc", "{{#listing ch03-queue#publish}}\n")
        .page("# A queue\n\n{{#include part.inc}}\n")
        .build("ch03-queue.html")
        .unwrap();
    assert!(html.contains("id=\"listing-ch03-queue-publish\""), "{html}");
}

#[test]
fn a_page_in_a_folder_links_to_the_pages_above_it() {
    let html = Book::new()
        .file(
            "book/src/SUMMARY.md",
            "[Start](index.md)\n\n- [Deep](more/deep.md)\n",
        )
        .file(
            "book/src/more/deep.md",
            "<!--\nneeds = [\"index\"]\nterms = []\nlevel = \"spine\"\n-->\n# Deep\n",
        )
        .build("more/deep.html")
        .unwrap();
    assert!(
        html.contains("Before this: <a href=\"../index.html\">Start</a>."),
        "{html}"
    );
}

#[test]
fn other_renderers_are_left_alone() {
    assert!(press(&["supports", "html"], b"").status.success());
    assert!(!press(&["supports", "markdown"], b"").status.success());
    assert!(!press(&["supports", "test"], b"").status.success());
}
