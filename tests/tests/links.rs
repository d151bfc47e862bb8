//! Every link within the built book leads to a page and to a place in it.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use book_tests::{files, none, root};
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{BufferQueue, Token, TokenSink, TokenSinkResult, Tokenizer};
use mdbook_driver::MDBook;
use mdbook_driver::config::Config;
use press::Press;

/// Where a page can be led to, and where it leads.
#[derive(Default)]
struct Page {
    ids: RefCell<BTreeSet<String>>,
    twice: RefCell<Vec<String>>,
    links: RefCell<BTreeSet<String>>,
}

impl TokenSink for &Page {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let Token::TagToken(tag) = token else {
            return TokenSinkResult::Continue;
        };
        for attribute in tag.attrs {
            let value = attribute.value.to_string();
            match &*attribute.name.local {
                "id" if !self.ids.borrow_mut().insert(value.clone()) => {
                    self.twice.borrow_mut().push(value);
                }
                "href" | "src" => drop(self.links.borrow_mut().insert(value)),
                _ => {}
            }
        }
        TokenSinkResult::Continue
    }
}

fn read(html: &str) -> Page {
    let page = Page::default();
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(html));
    let tokenizer = Tokenizer::new(&page, Default::default());
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    page
}

/// What is wrong with the pages, by name, in a book that has these files beside them.
fn broken(pages: &BTreeMap<String, Page>, has_file: impl Fn(&str) -> bool) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, page) in pages {
        for id in page.twice.borrow().iter() {
            problems.push(format!(
                "{name}: two elements have the id `{id}`; rename one"
            ));
        }
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in page.links.borrow().iter().filter(|link| is_internal(link)) {
            let (path, place) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => name.clone(),
                path => joined(folder, path),
            };
            match pages.get(&target) {
                None if has_file(&target) => {}
                None => problems.push(format!("{name}: `{link}` leads to no file; correct it")),
                Some(page) if place.is_empty() || page.ids.borrow().contains(place) => {}
                Some(_) => problems.push(format!(
                    "{name}: `{link}` leads to no place in {target}; correct what stands behind `#`"
                )),
            }
        }
    }
    problems
}

fn is_internal(link: &str) -> bool {
    let scheme = link.split(['/', '#', '?']).next().unwrap_or_default();
    !link.is_empty() && !scheme.contains(':')
}

/// A path as seen from a folder, without `..`.
fn joined(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Builds the book into a folder, with the press of this workspace.
fn build(folder: &Path) {
    let text = std::fs::read_to_string(root().join("book.toml")).unwrap();
    let mut table: toml::Table = text.parse().unwrap();
    // It would start cargo.
    table.remove("preprocessor");
    let mut config: Config = toml::to_string(&table).unwrap().parse().unwrap();
    config.build.build_dir = folder.to_owned();
    let mut book = MDBook::load_with_config(root(), config).unwrap();
    book.with_preprocessor(Press);
    book.build().unwrap();
}

#[test]
fn links_within_the_book_lead_somewhere() {
    let folder = tempfile::tempdir().unwrap();
    build(folder.path());
    let mut pages = BTreeMap::new();
    for file in files::all(folder.path()).unwrap() {
        // The page for what is not found is shown at any address.
        if file.is(".html") && !file.is("404.html") {
            pages.insert(file.path.clone(), read(&file.text));
        }
    }
    assert!(pages.contains_key("glossary.html"), "{:?}", pages.keys());
    none(&broken(&pages, |path| folder.path().join(path).is_file()));
}

#[test]
fn what_leads_nowhere_is_told() {
    let pages = BTreeMap::from([
        (
            "a.html".to_owned(),
            read(
                "<h1 id=\"top\">A</h1><a href=\"#top\">1</a><a href='b/c.html#x.y'>2</a>\
                  <a href=\"https://a.example/#none\">3</a><img src=\"d.svg\"><a href=\"b/e.html\">4</a>",
            ),
        ),
        (
            "b/c.html".to_owned(),
            read(
                "<p id=\"x.y\"><i id=\"x.y\"></i><a href=\"../a.html#bottom\">5</a>\
                  <a href=\"mailto:a@b\">6</a><!-- <a href=\"f.html\"> --></p>",
            ),
        ),
    ]);
    assert_eq!(
        broken(&pages, |path| path == "d.svg"),
        [
            "a.html: `b/e.html` leads to no file; correct it",
            "b/c.html: two elements have the id `x.y`; rename one",
            "b/c.html: `../a.html#bottom` leads to no place in a.html; correct what stands behind `#`",
        ]
    );
}
