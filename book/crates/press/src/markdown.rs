//! The blocks of a page that press changes or puts something in the place of.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// A fenced block of code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fence {
    /// Its bytes in the page, fences included.
    pub range: Range<usize>,
    /// The first word after the opening fence.
    pub language: String,
    /// What stands in it.
    pub code: String,
}

/// The blocks of a page.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    /// The bytes of each paragraph.
    pub paragraphs: Vec<Range<usize>>,
    /// The fenced blocks of code.
    pub fences: Vec<Fence>,
    /// Where comments begin.
    pub comments: Vec<usize>,
    /// The bytes of each emphasised piece of text that stands in no heading and no link.
    pub emphases: Vec<Range<usize>>,
    /// Where the page's title ends, if it has one.
    pub title_end: Option<usize>,
}

/// The extensions of Markdown that mdBook reads.
pub(crate) fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_DEFINITION_LIST
        | Options::ENABLE_GFM
}

/// Reads the page as mdBook does.
pub(crate) fn blocks(markdown: &str) -> Blocks {
    let mut blocks = Blocks::default();
    let mut open: Option<Fence> = None;
    // How many headings and links are open around an event.
    let mut within = 0;
    for (event, range) in Parser::new_ext(markdown, options()).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { .. } | Tag::Link { .. }) => within += 1,
            Event::Start(Tag::Emphasis) if within == 0 => blocks.emphases.push(range),
            Event::Start(Tag::Paragraph) => blocks.paragraphs.push(range),
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                open = Some(Fence {
                    range,
                    language: info
                        .split([' ', '\t', ','])
                        .next()
                        .unwrap_or_default()
                        .to_owned(),
                    code: String::new(),
                });
            }
            Event::Text(text) => {
                if let Some(fence) = &mut open {
                    fence.code.push_str(&text);
                }
            }
            Event::Start(Tag::HtmlBlock) | Event::InlineHtml(_)
                if markdown[range.clone()].starts_with("<!--") =>
            {
                blocks.comments.push(range.start);
            }
            Event::End(TagEnd::CodeBlock) => blocks.fences.extend(open.take()),
            Event::End(TagEnd::Heading(level)) => {
                within -= 1;
                if level == HeadingLevel::H1 {
                    blocks.title_end.get_or_insert(range.end);
                }
            }
            Event::End(TagEnd::Link) => within -= 1,
            _ => {}
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_found_with_its_code_wherever_it_stands() {
        let page = "- item\n\n  ```rust,ignore\n  a\n\n    b\n  ```\n\n> ```toml\n> c = 1\n> ```\n";
        let fences = blocks(page).fences;
        assert_eq!(fences.len(), 2);
        assert_eq!(
            (fences[0].language.as_str(), fences[0].code.as_str()),
            ("rust", "a\n\n  b\n")
        );
        assert_eq!(
            (fences[1].language.as_str(), fences[1].code.as_str()),
            ("toml", "c = 1\n")
        );
        assert!(page[fences[0].range.clone()].starts_with("```rust"));
        assert!(page[fences[0].range.clone()].trim_end().ends_with("```"));
        assert!(page[fences[1].range.clone()].starts_with("```toml"));
    }

    #[test]
    fn comments_are_found_and_those_in_code_are_none() {
        let page = "<!-- a -->\n\nb <!-- c --> `<!-- d -->`\n\n```\n<!-- e -->\n```\n";
        assert_eq!(blocks(page).comments, [0, 14]);
    }

    #[test]
    fn emphases_in_headings_links_and_code_do_not_count() {
        let page = "# A *b*\n\n*c* [*d*](e.md) `*f*` **g** _h_\n";
        let blocks = blocks(page);
        let found: Vec<&str> = blocks.emphases.iter().map(|at| &page[at.clone()]).collect();
        assert_eq!(found, ["*c*", "_h_"]);
    }

    #[test]
    fn the_title_is_the_first_heading_of_the_first_level() {
        let page = "# A `b`\n\ntext\n\n# C\n";
        assert_eq!(
            blocks(page).title_end.map(|end| page[..end].trim_end()),
            Some("# A `b`")
        );
        assert_eq!(blocks("## a\n").title_end, None);
    }
}
