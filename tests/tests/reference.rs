//! The reference tells of what is in the pages and listings, and of nothing else.
#![allow(clippy::unwrap_used)]

use book_tests::tidy::{pages, reference};
use book_tests::{book, files, none, root, words};
use rdkafka::ClientConfig;

#[test]
fn settings_are_those_of_the_listings() {
    let book = book().unwrap();
    let (settings, set) = (book.settings().unwrap(), book.settings_set().unwrap());
    none(&reference::settings_are_those_of_listings(&settings, &set));
}

#[test]
fn settings_say_nothing_of_brokers_without_a_claim() {
    let list = std::fs::read_to_string(root().join("tests/claim-words.txt")).unwrap();
    let list = words::list(&list).unwrap();
    let settings = book().unwrap().settings().unwrap();
    let problems = settings
        .iter()
        .flat_map(|(broker, known)| reference::settings_are_claimed(broker, known, &list));
    none(&problems.collect::<Vec<_>>());
}

#[test]
fn kafkas_defaults_are_what_librdkafka_says() {
    let client = ClientConfig::new().create_native_config().unwrap();
    let settings = book().unwrap().settings().unwrap();
    none(&reference::defaults_are_the_clients(
        "book/settings/kafka.toml",
        &settings["kafka"],
        |key| client.get(key).ok(),
    ));
}

#[test]
fn terms_are_those_of_the_pages() {
    let book = book().unwrap();
    let (glossary, heads) = (book.glossary().unwrap(), pages::heads(&book).unwrap());
    none(&reference::terms_are_those_of_pages(&glossary, &heads));
}

#[test]
fn rust_on_pages_is_compiled() {
    let files = files::all(root()).unwrap().into_iter();
    let pages = files.filter(|file| file.below("book/src") && file.is(".md"));
    let problems = pages.flat_map(|page| reference::rust_is_in_listings(&page.path, &page.text));
    none(&problems.collect::<Vec<_>>());
}
