//! Where a piece of a page stands in the page's file.

use std::path::{Path, PathBuf};

/// A page's text as mdBook hands it over, and the file that it comes from.
///
/// The two differ where mdBook put in an `{{#include}}` or took the backslash from an
/// escaped `\{{#listing}}`. A message names the line in the file, and what the author
/// escaped stays as it is, so both are looked up there.
pub(crate) struct Source<'a> {
    /// The file, as seen from the book's top folder.
    pub shown: String,
    text: &'a str,
    file: Option<String>,
}

impl<'a> Source<'a> {
    /// The page with this text from the file `path` below `root`. A file that cannot be
    /// read counts as equal to the text.
    pub fn new(root: &Path, path: PathBuf, text: &'a str) -> Source<'a> {
        Source {
            file: std::fs::read_to_string(root.join(&path)).ok(),
            shown: path.display().to_string(),
            text,
        }
    }

    /// The line in the file, from 1, of `piece`, which begins at byte `at` of the text.
    pub fn line(&self, at: usize, piece: &str) -> usize {
        let (text, at) = self.origin(at, piece);
        text[..at].matches('\n').count() + 1
    }

    /// Whether a backslash stands before `piece`, which begins at byte `at` of the text.
    pub fn escaped(&self, at: usize, piece: &str) -> bool {
        let (text, at) = self.origin(at, piece);
        text[..at].ends_with('\\')
    }

    /// The same occurrence of `piece` in the file: the third here is the third there. What
    /// the file does not have came from another file, and only its place here is known.
    fn origin(&self, at: usize, piece: &str) -> (&str, usize) {
        let Some(file) = self.file.as_ref().filter(|_| !piece.is_empty()) else {
            return (self.text, at);
        };
        let before = self.text[..at].matches(piece).count();
        match file.match_indices(piece).nth(before) {
            Some((at, _)) => (file, at),
            None => (self.text, at),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn source(file: &str, text: &'static str) -> (tempfile::TempDir, Source<'static>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.md"), file).unwrap();
        let source = Source::new(folder.path(), "a.md".into(), text);
        (folder, source)
    }

    #[test]
    fn lines_are_those_of_the_file_when_an_include_made_the_text_longer() {
        let file = "{{#include b.md}}\n{{#listing x}}\n";
        let text = "one\ntwo\nthree\n{{#listing x}}\n";
        let (_folder, source) = source(file, text);
        let at = text.find("{{#listing").unwrap();
        assert_eq!(source.line(at, "{{#listing x}}"), 2);
    }

    #[test]
    fn what_an_include_brought_has_its_line_in_the_text() {
        let (_folder, source) = source("{{#include b.md}}\n", "one\n{{#listing x}}\n");
        assert_eq!(source.line(4, "{{#listing x}}"), 2);
        assert!(!source.escaped(4, "{{#listing x}}"));
    }

    #[test]
    fn an_escape_is_found_in_the_file_when_mdbook_took_it_from_the_text() {
        let text = "{{#listing x}} and {{#listing x}}";
        let (_folder, source) = source("{{#listing x}} and \\{{#listing x}}", text);
        assert!(!source.escaped(0, "{{#listing x}}"));
        assert!(source.escaped(19, "{{#listing x}}"));
    }

    #[test]
    fn without_a_file_the_text_decides() {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::new(folder.path(), "none.md".into(), "a\n\\[claim: x]");
        assert_eq!(source.line(3, "[claim: x]"), 2);
        assert!(source.escaped(3, "[claim: x]"));
    }
}
