use super::*;

const SETTINGS: &str = "[x-queue-type]\ndefault = 'classic'\nvalue = 'quorum'\n\
                        why = 'copies'\nsource = 'https://a.example/'\n";

#[test]
fn what_listings_set_is_found_for_the_brokers_of_their_chapter() {
    let (_book, catalog) = Book::new()
        .file(
            "chapters/ch03-queue/src/main.rs",
            "fn f() {\n    table(\"x-queue-type=quorum\");\n    kafka.set(\"acks\", \"all\");\n}\n",
        )
        .file(
            "chapters/ch03-queue/src/deep/b.rs",
            "const A: &str = \"x-overflow\";\n",
        )
        .open_kept();
    let set: Vec<String> = catalog
        .settings_set()
        .unwrap()
        .into_iter()
        .map(|set| format!("{} {}:{}", set.key, set.path.display(), set.line))
        .collect();
    assert_eq!(
        set,
        [
            "x-overflow chapters/ch03-queue/src/deep/b.rs:1",
            "x-queue-type chapters/ch03-queue/src/main.rs:2"
        ]
    );
}

#[test]
fn settings_and_terms_are_read_and_may_be_absent() {
    let (_book, catalog) = Book::new().open_kept();
    assert!(catalog.settings().unwrap().is_empty());
    assert!(catalog.glossary().unwrap().is_empty());
    let (_book, catalog) = Book::new()
        .file("book/settings/rabbitmq.toml", SETTINGS)
        .file(
            "book/glossary/a.toml",
            "[log]\nsays = 'a row'\nkafka = 'topic'\n",
        )
        .open_kept();
    assert_eq!(
        catalog.settings().unwrap()["rabbitmq"]["x-queue-type"].value,
        "quorum"
    );
    let words = [("NATS", None), ("RabbitMQ", None), ("Kafka", Some("topic"))];
    assert_eq!(catalog.glossary().unwrap()["log"].words(), words);
}

#[test]
fn what_is_wrong_with_the_data_is_told_with_its_file() {
    let book = Book::new()
        .file("book/settings/kafka.toml", "[acks]\ndefault = 'all'\n")
        .file(
            "book/glossary/a.toml",
            "[log]\nsays = 'a row'\nredis = 'stream'\n",
        );
    let catalog = book.open();
    let error = message(catalog.settings());
    assert!(
        error.starts_with("book/settings/kafka.toml is malformed: "),
        "{error}"
    );
    assert!(error.contains("missing field `value`"), "{error}");
    let error = message(catalog.glossary());
    assert!(error.contains("unknown field `redis`"), "{error}");
}

#[test]
fn a_term_is_explained_once() {
    let term = "[log]\nsays = 'a row'\n";
    let book = Book::new()
        .file("book/glossary/a.toml", term)
        .file("book/glossary/b.toml", term);
    assert_eq!(
        message(book.open().glossary()),
        "book/glossary/b.toml: `log` stands in book/glossary/a.toml as well; remove one of them"
    );
}
