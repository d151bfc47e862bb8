//! What stands between the words of a page: directives and claim marks.

use std::ops::Range;

use anyhow::Result;
use pulldown_cmark::{Event, Options, Parser, Tag};

use crate::{Catalog, ClaimId};

/// A `{{#name argument}}` in a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// The word after `#`: `listing`, `transcript`, `predict`.
    pub name: String,
    /// What follows the word, such as `ch03-rabbit-queue#publish`.
    pub argument: String,
    /// The line, from 1.
    pub line: usize,
    /// Its bytes in the page.
    pub range: Range<usize>,
}

/// A `[claim: id]` in a page.
#[derive(Debug)]
pub struct Mark {
    /// The claim, or why the text is no claim's id.
    pub id: Result<ClaimId>,
    /// The line, from 1.
    pub line: usize,
    /// Its bytes in the page.
    pub range: Range<usize>,
}

/// The page with every byte of its code and comments replaced by a space, so that what is
/// found in it stands in the text. Line breaks and places stay as they are.
pub fn prose(markdown: &str) -> String {
    let mut bytes = markdown.as_bytes().to_vec();
    for (event, range) in Parser::new_ext(markdown, options()).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(_)) | Event::Code(_) => blank(&mut bytes[range]),
            Event::Start(Tag::HtmlBlock) | Event::InlineHtml(_) => {
                for comment in comments(&markdown[range.clone()]) {
                    blank(&mut bytes[range.start..][comment]);
                }
            }
            _ => {}
        }
    }
    // Whole characters became spaces, so the bytes are still UTF-8.
    String::from_utf8_lossy(&bytes).into_owned()
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

/// The places of the comments in a piece of HTML.
fn comments(html: &str) -> Vec<Range<usize>> {
    html.match_indices("<!--")
        .map(|(start, _)| {
            let end = html[start..].find("-->").map(|end| start + end + 3);
            start..end.unwrap_or(html.len())
        })
        .collect()
}

/// The extensions of Markdown that the book is rendered with.
fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_GFM
}

/// The directives of a page, in order. One in code or in a comment, or behind a backslash, is none.
pub fn directives(markdown: &str) -> Vec<Directive> {
    let prose = prose(markdown);
    found(&prose, "{{#", "}}")
        .map(|range| {
            let inside = prose[range.start + 3..range.end - 2].trim();
            let (name, argument) = inside
                .split_once(char::is_whitespace)
                .unwrap_or((inside, ""));
            Directive {
                name: name.to_owned(),
                argument: argument.trim().to_owned(),
                line: line(&prose, range.start),
                range,
            }
        })
        .collect()
}

impl Catalog {
    /// The claim marks of a page, in order. One in code or in a comment, or behind a
    /// backslash, is none.
    pub fn page_claims(markdown: &str) -> Vec<Mark> {
        let prose = prose(markdown);
        found(&prose, "[claim:", "]")
            .map(|range| Mark {
                id: prose[range.start + 7..range.end - 1].trim().parse(),
                line: line(&prose, range.start),
                range,
            })
            .collect()
    }
}

/// The places that begin with `open`, without a backslash before it, and end with the next
/// `close` on the same line.
fn found<'a>(
    text: &'a str,
    open: &'a str,
    close: &'a str,
) -> impl Iterator<Item = Range<usize>> + 'a {
    text.match_indices(open).filter_map(move |(start, _)| {
        if text[..start].ends_with('\\') {
            return None;
        }
        let rest = text[start..].lines().next()?;
        let end = start + rest.find(close)? + close.len();
        Some(start..end)
    })
}

fn line(text: &str, place: usize) -> usize {
    text[..place].matches('\n').count() + 1
}
