//! The comment at the head of a page: what it needs, what it introduces, its level.

use std::ops::Range;

use catalog::{Head, Level};

use crate::html::escape;
use crate::report::message;

const OPEN: &str = "<!--";
const CLOSE: &str = "-->";
/// The keys of a head.
const KEYS: [&str; 3] = ["needs", "terms", "level"];

/// A page's head and its bytes in the page.
#[derive(Debug)]
pub(crate) struct Found {
    pub head: Head,
    pub range: Range<usize>,
}

/// What is wrong with a head, at this byte of the page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub at: usize,
    pub message: String,
}

/// Reads the head of a page, if it has one. `comments` are the places where its comments begin.
pub(crate) fn find(markdown: &str, comments: &[usize]) -> Result<Option<Found>, Wrong> {
    let first = markdown.len() - markdown.trim_start().len();
    for &start in comments {
        let end = markdown[start..].find(CLOSE);
        let end = end.map_or(markdown.len(), |at| start + at + CLOSE.len());
        if start == first {
            return read(markdown, start..end).map(Some);
        }
        if markdown[start..end].lines().any(is_key) {
            return Err(Wrong {
                at: start,
                message: "the head of the page stands below its first line; move it to the top"
                    .to_owned(),
            });
        }
    }
    Ok(None)
}

fn read(markdown: &str, range: Range<usize>) -> Result<Found, Wrong> {
    Head::parse(markdown)
        .map(|head| Found {
            head,
            range: range.clone(),
        })
        .map_err(|error| {
            let toml = error.downcast_ref::<toml::de::Error>();
            let within = toml.and_then(toml::de::Error::span);
            Wrong {
                at: range.start + within.map_or(0, |span| OPEN.len() + span.start),
                message: format!(
                    "{}; write needs = [], terms = [] and level = \"spine\" or \"deeper\", \
                     each on a line of its own",
                    message(&error)
                ),
            }
        })
}

/// Whether a line gives a head's key a value.
fn is_key(line: &str) -> bool {
    line.split_once('=')
        .is_some_and(|(key, _)| KEYS.contains(&key.trim_start_matches(OPEN).trim()))
}

/// The line below the page's title; `None` when there is nothing to say. `needs` are the
/// address and the title of each page, `terms` are those that the page introduces, each with
/// its address in the glossary if it is there.
pub(crate) fn render(
    head: &Head,
    needs: &[(String, String)],
    terms: &[(&str, Option<String>)],
) -> Option<String> {
    let mut parts = Vec::new();
    if head.level == Level::Deeper {
        parts.push("<span class=\"level\">Deeper</span>".to_owned());
    }
    if !needs.is_empty() {
        let links: Vec<String> = needs
            .iter()
            .map(|(address, title)| {
                format!("<a href=\"{}\">{}</a>", escape(address), escape(title))
            })
            .collect();
        parts.push(format!("Before this: {}.", links.join(", ")));
    }
    if !terms.is_empty() {
        let terms: Vec<String> = terms
            .iter()
            .map(|(term, address)| match address {
                Some(address) => {
                    format!("<a href=\"{}\">{}</a>", escape(address), escape(term))
                }
                None => escape(term),
            })
            .collect();
        parts.push(format!("New terms: {}.", terms.join(", ")));
    }
    (!parts.is_empty()).then(|| format!("<p class=\"page-head\">{}</p>", parts.join(" ")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::markdown::blocks;

    fn read(markdown: &str) -> Result<Option<Found>, Wrong> {
        find(markdown, &blocks(markdown).comments)
    }

    #[test]
    fn a_head_becomes_one_line() {
        let page = "<!--\nneeds = [\"ch01-delivery\"]\nterms = [\"prefetch\"]\nlevel = \"deeper\"\n-->\n\n# A\n";
        let found = read(page).unwrap().unwrap();
        assert_eq!(page[found.range.clone()].lines().count(), 5);
        let needs = [("ch01-delivery.md".to_owned(), "Delivery & loss".to_owned())];
        insta::assert_snapshot!(
            render(&found.head, &needs, &[("prefetch", None), ("ack", Some("glossary.md#term-ack".into()))]).unwrap(),
            @r#"<p class="page-head"><span class="level">Deeper</span> Before this: <a href="ch01-delivery.md">Delivery &amp; loss</a>. New terms: prefetch, <a href="glossary.md#term-ack">ack</a>.</p>"#
        );
    }

    #[test]
    fn a_page_of_the_spine_that_needs_nothing_has_no_line() {
        let found = read("<!--\nneeds = []\nterms = []\nlevel = \"spine\"\n-->\n").unwrap();
        assert_eq!(render(&found.unwrap().head, &[], &[]), None);
    }

    #[test]
    fn a_page_may_have_no_head_and_other_comments() {
        assert!(read("# A\n\n<!-- see needs -->\n").unwrap().is_none());
        assert!(
            read("# A\n\n`<!-- needs = 1 -->` <!-- a -->\n")
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn a_malformed_head_is_told_with_its_place() {
        let page = "<!--\nneeds = []\nterms = []\nlevel = \"spin\"\n-->\n";
        let wrong = read(page).unwrap_err();
        assert_eq!(page[..wrong.at].matches('\n').count(), 3);
        let unknown = read("<!--\nneeds = []\nterms = []\nlevel = \"spine\"\nneed = []\n-->\n");
        assert!(
            unknown
                .unwrap_err()
                .message
                .contains("unknown field `need`")
        );
        assert!(read("<!-- a comment -->\n# A\n").is_err());
        assert!(read("<!--\nneeds = []\n").is_err());
    }

    #[test]
    fn a_head_below_the_title_is_told() {
        let wrong = read("# A\n\n<!--\nneeds = []\n-->\n").unwrap_err();
        assert_eq!(wrong.at, 5);
    }
}
