use super::*;

fn book(test: &str) -> Book {
    Book::new().file("tests/tests/rabbit.rs", test)
}

const TESTS: &str = r#"
/// An unacknowledged message comes back.
/// claim: rabbit.unacked.redelivered
/// claim: rabbit.queue.durable
#[tokio::test]
async fn comes_back() {}

mod contrasts {
    /// claim: rabbit.unacked.redelivered
    #[test]
    fn comes_back_contrast() {
        let sample = "
    /// claim: rabbit.in-a-string.ignored
    #[test]
    fn no() {}";
    }
}
"#;

fn ids(claims: &[&Where]) -> Vec<String> {
    claims.iter().map(|place| place.to_string()).collect()
}

#[test]
fn claims_stand_on_tests_and_contrasts() {
    let claims = book(TESTS).open().claims().unwrap();
    let names: Vec<_> = claims.keys().map(ClaimId::as_str).collect();
    assert_eq!(
        names,
        ["rabbit.queue.durable", "rabbit.unacked.redelivered"]
    );
    let claim = &claims[&"rabbit.unacked.redelivered".parse().unwrap()];
    assert_eq!(
        ids(&claim.tests.iter().collect::<Vec<_>>()),
        ["tests/tests/rabbit.rs:6 comes_back"]
    );
    assert_eq!(
        ids(&claim.contrasts.iter().collect::<Vec<_>>()),
        ["tests/tests/rabbit.rs:11 comes_back_contrast"]
    );
}

#[test]
fn tests_of_crates_and_chapters_count() {
    let test = |id: &str| format!("/// claim: {id}\n#[test]\nfn t() {{}}\n");
    let book = Book::new()
        .file(
            "book/crates/brokers/tests/deep/kill.rs",
            &test("nats.kill.loses"),
        )
        .file(
            "chapters/ch03-queue/tests/order.rs",
            &test("rabbit.queue.ordered"),
        );
    let claims = book.open().claims().unwrap();
    let names: Vec<_> = claims.keys().map(ClaimId::as_str).collect();
    assert_eq!(names, ["nats.kill.loses", "rabbit.queue.ordered"]);
}

#[test]
fn what_is_wrong_with_a_claim_is_told_with_its_place() {
    let error = |test: &str| message(book(test).open().claims());
    assert_eq!(
        error("/// claim: rabbit.unacked\n#[test]\nfn t() {}"),
        "tests/tests/rabbit.rs:3 t: `rabbit.unacked` is no claim's id; write \
         broker.subject.behaviour, such as rabbit.unacked.redelivered"
    );
    assert_eq!(
        error("/// claim: rabbit.unacked.redelivered\nfn t() {}"),
        "tests/tests/rabbit.rs:2 t shows the claim rabbit.unacked.redelivered and is no test; \
         add #[test] or #[tokio::test]"
    );
    let text = error("\nfn {");
    assert!(text.starts_with("tests/tests/rabbit.rs:2: "), "{text}");
}

#[test]
fn marks_on_a_page_have_their_line_and_bytes() {
    let page = "\
# Title

It comes back. [claim: rabbit.unacked.redelivered]
Not in `[claim: rabbit.in.code]`, not \\[claim: rabbit.in.escape], not in
<!-- [claim: rabbit.in.comment] --> this. [claim: rabbit.queue]

```
[claim: rabbit.in.fence]
```

<!--
[claim: rabbit.in.head]
-->
";
    let marks = Catalog::page_claims(page);
    let [first, second] = &marks[..] else {
        panic!("{marks:?}");
    };
    assert_eq!(first.line, 3);
    assert_eq!(
        &page[first.range.clone()],
        "[claim: rabbit.unacked.redelivered]"
    );
    assert_eq!(
        first.id.as_ref().unwrap().as_str(),
        "rabbit.unacked.redelivered"
    );
    assert_eq!(second.line, 5);
    assert!(second.id.is_err());
}
