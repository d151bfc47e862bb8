//! `{{#listing CHAPTER[:FILE]#ANCHOR [CAPTION]}}`: a piece of a program.

use std::path::Path;

use catalog::{DEFAULT_FILE, Snippet};

use crate::highlight::highlight;
use crate::html::{escape, sentence};

/// What a page asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted<'a> {
    pub chapter: &'a str,
    /// As seen from the chapter's folder.
    pub file: &'a str,
    pub anchor: &'a str,
    /// May be empty.
    pub caption: &'a str,
}

impl<'a> Wanted<'a> {
    /// Reads what stands behind `{{#listing`; the error says what to write instead.
    pub fn parse(argument: &'a str) -> Result<Wanted<'a>, String> {
        let (id, caption) = argument
            .split_once(char::is_whitespace)
            .unwrap_or((argument, ""));
        let (place, anchor) = id.split_once('#').unwrap_or((id, ""));
        let (chapter, file) = place.split_once(':').unwrap_or((place, DEFAULT_FILE));
        if [chapter, file, anchor].contains(&"") {
            return Err(format!(
                "`{id}` names no piece of a listing; write {{{{#listing CHAPTER#ANCHOR}}}} or \
                 {{{{#listing CHAPTER:FILE#ANCHOR}}}}, where the anchor `all` is the whole file"
            ));
        }
        Ok(Wanted {
            chapter,
            file,
            anchor,
            caption: caption.trim(),
        })
    }

    /// A name for the figure, before it is made unique in its page.
    pub fn name(&self) -> String {
        match self.file {
            DEFAULT_FILE => format!("listing-{}-{}", self.chapter, self.anchor),
            file => {
                let stem = Path::new(file).file_stem().unwrap_or_default();
                let stem = stem.to_string_lossy();
                format!("listing-{}-{stem}-{}", self.chapter, self.anchor)
            }
        }
    }
}

/// The figure: where the code stands, then the code.
pub(crate) fn render(snippet: &Snippet, caption: &str, id: &str) -> String {
    let path = snippet.path.display().to_string();
    let extension = snippet.path.extension().unwrap_or_default();
    let language = match extension.to_string_lossy().as_ref() {
        "rs" => "rust".to_owned(),
        other => other.to_owned(),
    };
    let code = highlight(&language, &snippet.code).unwrap_or_else(|| escape(&snippet.code));
    let caption = match caption {
        "" => String::new(),
        text => format!(" <span class=\"caption\">{}</span>", sentence(text)),
    };
    format!(
        "<figure class=\"listing\" id=\"{id}\">\n\
         <figcaption><a href=\"#{id}\">{path}</a>, line {line}{caption}</figcaption>\n\
         <pre><code class=\"language-{language}\">{code}</code></pre>\n\
         </figure>",
        path = escape(&path),
        line = snippet.first_line,
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_listing_is_named_by_chapter_file_and_anchor() {
        let wanted = Wanted::parse("ch03-rabbit-queue#publish").unwrap();
        assert_eq!(
            (wanted.chapter, wanted.file, wanted.anchor, wanted.caption),
            ("ch03-rabbit-queue", "src/main.rs", "publish", "")
        );
        assert_eq!(wanted.name(), "listing-ch03-rabbit-queue-publish");
        let wanted = Wanted::parse("ch03-rabbit-queue:src/args.rs#all  The knobs.").unwrap();
        assert_eq!(
            (wanted.file, wanted.anchor, wanted.caption),
            ("src/args.rs", "all", "The knobs.")
        );
        assert_eq!(wanted.name(), "listing-ch03-rabbit-queue-args-all");
    }

    #[test]
    fn what_names_no_piece_is_refused() {
        for wrong in [
            "",
            "ch03-rabbit-queue",
            "#publish",
            "ch03-rabbit-queue#",
            "a:#b",
        ] {
            let error = Wanted::parse(wrong).unwrap_err();
            assert!(error.contains("{{#listing CHAPTER#ANCHOR}}"), "{error}");
        }
    }

    #[test]
    fn a_figure() {
        let snippet = Snippet {
            path: "chapters/ch03-rabbit-queue/src/main.rs".into(),
            anchor: "publish".into(),
            first_line: 41,
            code: "// The confirm is the broker's word.\n\nlet confirm = channel.basic_publish().await?;\n".into(),
            lines: 3,
        };
        let id = "listing-ch03-rabbit-queue-publish";
        insta::assert_snapshot!(render(&snippet, "Wait for the `confirm`.", id));
    }

    #[test]
    fn a_file_of_no_known_language_is_shown_plain() {
        let snippet = Snippet {
            path: "chapters/ch01/a.zzz".into(),
            anchor: "all".into(),
            first_line: 1,
            code: "a < b\n".into(),
            lines: 1,
        };
        assert!(
            render(&snippet, "", "x").contains("<code class=\"language-zzz\">a &lt; b\n</code>")
        );
    }
}
