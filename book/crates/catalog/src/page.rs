//! The pages: `book/src/SUMMARY.md` and the head of each page.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use serde::Deserialize;

use crate::Catalog;
use crate::files::read;

/// A page of the book, as SUMMARY.md lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The title in the sidebar.
    pub title: String,
    /// The name of its file without `.md`; for a chapter's page, the chapter's id.
    pub slug: String,
    /// The file.
    pub path: PathBuf,
    /// How deep it lies in the list, from 1; 0 for a page outside the numbered list.
    pub depth: usize,
    /// The heading that it stands below; empty above the first, and below a line.
    pub part: String,
}

/// What the comment at the head of a page says, in TOML.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The slugs of the pages that a reader should know first.
    pub needs: Vec<String>,
    /// The terms that the page introduces.
    pub terms: Vec<String>,
    /// Whether a reader of the short way reads it.
    pub level: Level,
}

/// Where a page stands on the way through the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// On the short way, about four hours.
    Spine,
    /// Beside it, for those who want more.
    Deeper,
}

impl Head {
    /// Reads the head of a page.
    ///
    /// # Errors
    /// When the page does not begin with a comment, or the comment is no valid head.
    pub fn parse(markdown: &str) -> Result<Head> {
        let text = markdown
            .trim_start()
            .strip_prefix("<!--")
            .and_then(|rest| rest.split_once("-->"))
            .map(|(head, _)| head)
            .context(
                "the page does not begin with its head; add \
                 <!-- needs = [], terms = [], level = \"spine\", each on a line of its own, and -->",
            )?;
        toml::from_str(text).context("the head of the page is malformed")
    }
}

impl Catalog {
    /// The folder of the pages.
    pub fn pages_dir(&self) -> PathBuf {
        self.root.join("book/src")
    }

    /// All pages, in the order of SUMMARY.md.
    ///
    /// # Errors
    /// When SUMMARY.md cannot be read or names a page twice or one that does not exist.
    pub fn pages(&self) -> Result<Vec<Page>> {
        let summary = self.pages_dir().join("SUMMARY.md");
        let file = self.shown(&summary);
        let text = read(&self.root, &summary)?;
        let mut pages: Vec<Page> = Vec::new();
        let mut depth = 0;
        let (mut part, mut headings) = (String::new(), 0);
        // The words of the heading, or the target and the words of the link, that is being read.
        let mut heading: Option<String> = None;
        let mut link: Option<(String, String)> = None;
        for (event, range) in Parser::new(&text).into_offset_iter() {
            match event {
                Event::Start(Tag::List(_)) => depth += 1,
                Event::End(TagEnd::List(_)) => depth -= 1,
                Event::Rule => part.clear(),
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let words = heading.take().unwrap_or_default();
                    headings += 1;
                    // The first one, above all pages, is the title of the list.
                    if headings > 1 || !pages.is_empty() {
                        part = words;
                    }
                }
                Event::Start(Tag::Link { dest_url, .. }) => {
                    link = Some((dest_url.into_string(), String::new()));
                }
                Event::Text(words) | Event::Code(words) => {
                    let link = link.as_mut().map(|(_, title)| title);
                    if let Some(text) = link.or(heading.as_mut()) {
                        text.push_str(&words);
                    }
                }
                Event::End(TagEnd::Link) => {
                    let Some((target, title)) = link.take() else {
                        continue;
                    };
                    let line = text[..range.start].matches('\n').count() + 1;
                    let page = self
                        .page(&target, title, depth, &part)
                        .with_context(|| format!("{file}:{line}"))?;
                    if pages.iter().any(|other| other.path == page.path) {
                        bail!("{file}:{line}: {target} is listed twice; remove one of the lines");
                    }
                    pages.push(page);
                }
                _ => {}
            }
        }
        Ok(pages)
    }

    fn page(&self, target: &str, title: String, depth: usize, part: &str) -> Result<Page> {
        let path = self.pages_dir().join(target);
        let Some(slug) = target.trim_start_matches("./").strip_suffix(".md") else {
            bail!("`{target}` is no page; link to a file NAME.md");
        };
        if !path.is_file() {
            bail!(
                "{} does not exist; write it or remove the line",
                self.shown(&path)
            );
        }
        Ok(Page {
            title,
            slug: slug.to_owned(),
            path,
            depth,
            part: part.to_owned(),
        })
    }
}
