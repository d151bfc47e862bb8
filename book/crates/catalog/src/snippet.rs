//! Pieces of a listing, cut at `// ANCHOR: name` and `// ANCHOR_END: name`.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::files::{below, instead, read, shown};
use crate::{Catalog, Chapter};

/// The file that a snippet comes from where none is named.
pub const DEFAULT_FILE: &str = "src/main.rs";
/// The snippet that is the whole file; it needs no marks.
const ALL: &str = "all";

/// A piece of a listing, ready to show: without anchor marks, its common indent removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// The file, as seen from the book's top folder.
    pub path: PathBuf,
    /// The anchor's name.
    pub anchor: String,
    /// The number of the first line in the file, from 1.
    pub first_line: usize,
    /// The code; every line ends in a line break.
    pub code: String,
    /// How many lines the code has.
    pub lines: usize,
}

/// A place in a chapter's source that a page can show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The file, as seen from the chapter's folder, such as `src/main.rs`.
    pub file: String,
    /// The name.
    pub name: String,
    /// The number of the line that opens it, from 1.
    pub line: usize,
    /// How many lines of code it holds, marks not counted.
    pub lines: usize,
}

/// An anchor's place among the lines of its file; both marks counted from 0.
struct Span {
    name: String,
    open: usize,
    close: usize,
}

impl Catalog {
    /// A piece of a chapter's source. `file` is seen from the chapter's folder,
    /// [`DEFAULT_FILE`] as a rule. The anchor `all` is the whole file.
    ///
    /// # Errors
    /// When the chapter, file or anchor is missing, or the file's anchors are not in order;
    /// the message has the file, the line and the fix.
    pub fn snippet(&self, chapter: &str, file: &str, anchor: &str) -> Result<Snippet> {
        let chapter = self.chapter(chapter)?;
        let path = chapter.dir.join(file);
        let shown = self.shown(&path);
        if !path.is_file() {
            bail!(
                "{shown} does not exist; name a file in {}",
                self.shown(&chapter.dir)
            );
        }
        let text = read(&self.root, &path)?;
        let spans = spans(&shown, &text)?;
        let lines: Vec<&str> = text.lines().collect();
        let range = match spans.iter().find(|span| span.name == anchor) {
            Some(span) => span.open + 1..span.close,
            None if anchor == ALL => 0..lines.len(),
            None => {
                let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
                bail!(
                    "{shown} has no anchor `{anchor}`; {}",
                    instead(anchor, &names)
                );
            }
        };
        let kept: Vec<(usize, &str)> = range
            .map(|index| (index, lines[index]))
            .filter(|(_, line)| mark(line).is_none())
            .collect();
        let Some((first, _)) = kept.first() else {
            bail!("{shown}: the anchor `{anchor}` holds no code; put it around some or remove it");
        };
        Ok(Snippet {
            path: PathBuf::from(shown),
            anchor: anchor.to_owned(),
            first_line: first + 1,
            code: dedent(kept.iter().map(|(_, line)| *line)),
            lines: kept.len(),
        })
    }
}

impl Chapter {
    /// All anchors in the chapter's Rust files, by file and line.
    ///
    /// # Errors
    /// When a file cannot be read or its anchors are not in order.
    pub fn anchors(&self) -> Result<Vec<Anchor>> {
        let mut anchors = Vec::new();
        for path in below(&self.root, &self.dir, ".rs")? {
            let text = read(&self.root, &path)?;
            let lines: Vec<&str> = text.lines().collect();
            for span in spans(&shown(&self.root, &path), &text)? {
                let inside = &lines[span.open + 1..span.close];
                anchors.push(Anchor {
                    file: shown(&self.dir, Path::new(&path)),
                    name: span.name,
                    line: span.open + 1,
                    lines: inside.iter().filter(|line| mark(line).is_none()).count(),
                });
            }
        }
        Ok(anchors)
    }
}

/// What a line says about an anchor.
enum Mark<'a> {
    Open(&'a str),
    Close(&'a str),
}

fn mark(line: &str) -> Option<Mark<'_>> {
    let text = line.trim_start().trim_start_matches(['/', '#']).trim();
    if let Some(name) = text.strip_prefix("ANCHOR:") {
        return Some(Mark::Open(name.trim()));
    }
    text.strip_prefix("ANCHOR_END:")
        .map(|name| Mark::Close(name.trim()))
}

/// The anchors of a file, in the order of their opening marks.
fn spans(file: &str, text: &str) -> Result<Vec<Span>> {
    let mut spans: Vec<Span> = Vec::new();
    let mut open: Vec<(String, usize)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        match mark(line) {
            None => {}
            Some(Mark::Open(name)) => {
                if !is_name(name) {
                    bail!(
                        "{file}:{number}: `{name}` is no anchor name; use small letters, digits and hyphens"
                    );
                }
                let earlier = open.iter().map(|(name, line)| (name, *line));
                let earlier = earlier.chain(spans.iter().map(|span| (&span.name, span.open)));
                if let Some((_, first)) = earlier.into_iter().find(|(other, _)| *other == name) {
                    bail!(
                        "{file}:{number}: the anchor `{name}` stands at line {} already; rename one of them",
                        first + 1
                    );
                }
                open.push((name.to_owned(), index));
            }
            Some(Mark::Close(name)) => {
                let Some(place) = open.iter().position(|(other, _)| other == name) else {
                    bail!(
                        "{file}:{number}: ANCHOR_END closes `{name}`, which is not open; add `// ANCHOR: {name}` above it"
                    );
                };
                let (name, first) = open.remove(place);
                spans.push(Span {
                    name,
                    open: first,
                    close: index,
                });
            }
        }
    }
    if let Some((name, first)) = open.first() {
        bail!(
            "{file}:{}: the anchor `{name}` is never closed; add `// ANCHOR_END: {name}` where it ends",
            first + 1
        );
    }
    spans.sort_by_key(|span| span.open);
    Ok(spans)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// The lines joined, without the indent that they have in common.
fn dedent<'a>(lines: impl Iterator<Item = &'a str> + Clone) -> String {
    let indent = lines
        .clone()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start().len())
        .min()
        .unwrap_or(0);
    lines
        .map(|line| format!("{}\n", line.get(indent..).unwrap_or_default()))
        .collect()
}
