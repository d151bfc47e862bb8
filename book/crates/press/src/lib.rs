//! The mdBook preprocessor of this book: it puts what was run and tested into the pages.
//!
//! | in a page | becomes |
//! |---|---|
//! | `{{#listing CHAPTER#ANCHOR}}` | the code between `// ANCHOR: name` and `// ANCHOR_END: name` in `chapters/CHAPTER/src/main.rs`; `CHAPTER:src/args.rs#all` is a whole file, and a caption may follow |
//! | `{{#transcript CHAPTER/NAME}}` | a recorded run: its command, lines and fate strip, and what it ran on |
//! | `{{#predict ID}}` | the question in `chapters/CHAPTER/predict/ID.toml`; `CHAPTER/ID` on a page that is not the chapter's |
//! | `{{#reference PART}}` | a part of the reference: `glossary`, `words`, `settings BROKER`, `misconceptions`, `coverage`, `progress`, `sources`; see the module `reference` |
//! | `*term*` | a link to the glossary, where the page uses a term of it for the first time |
//! | `[claim: ID]` | a mark that leads to the tests that show the sentence before it |
//! | a comment in the first line, TOML: `needs`, `terms`, `level` | a line below the title |
//! | a fenced block in the language `flow` | a diagram: `A -> B: label` by line, see the module `flow` |
//! | another fenced block of code | the same, coloured, so that no page loads a highlighter |
//!
//! A directive stands alone between blank lines. In code, or behind a backslash
//! (`\{{#listing x}}`), it is text.
//!
//! Whatever is missing or malformed stops the build: all problems of all pages come in one
//! [`Report`], each with its file, line and fix, and no book is made.

mod claim;
mod exercise;
mod flow;
mod head;
mod highlight;
mod html;
mod listing;
mod markdown;
mod material;
mod page;
mod predict;
mod reference;
mod report;
mod source;
mod survey;
mod transcript;
mod wire;

use std::collections::HashMap;
use std::io::{Read, Write};

use anyhow::{Context, Result, bail};
use mdbook_preprocessor::book::Book;
use mdbook_preprocessor::{MDBOOK_VERSION, Preprocessor, PreprocessorContext, parse_input};

use material::{Material, slug};
use page::Page;
pub use report::{Problem, Report};
use source::Source;

/// The preprocessor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Press;

impl Preprocessor for Press {
    fn name(&self) -> &str {
        "press"
    }

    /// Puts everything into the pages.
    ///
    /// # Errors
    /// A [`Report`] when anything is wrong with the pages; another error when the
    /// repository around them cannot be read.
    fn run(&self, context: &PreprocessorContext, mut book: Book) -> Result<Book> {
        let material = Material::read(&context.root, &book)?;
        let mut problems = Vec::new();
        let mut made = HashMap::new();
        for chapter in book.chapters() {
            let (Some(path), Some(file)) = (&chapter.path, &chapter.source_path) else {
                continue;
            };
            let file = context.config.book.src.join(file);
            let source = Source::new(&context.root, file, &chapter.content);
            match Page::new(&material, source, slug(path), &chapter.content).render() {
                Ok(content) => {
                    made.insert(path.clone(), content);
                }
                Err(found) => problems.extend(found),
            }
        }
        if let Some(report) = Report::of(problems) {
            return Err(report.into());
        }
        book.for_each_chapter_mut(|chapter| {
            let content = chapter.path.as_ref().and_then(|path| made.remove(path));
            chapter.content = content.unwrap_or_default();
        });
        Ok(book)
    }

    /// Only HTML can show what press makes.
    fn supports_renderer(&self, renderer: &str) -> Result<bool> {
        Ok(renderer == "html")
    }
}

/// Reads a book in mdBook's form from `input` and writes it back with everything put in.
///
/// # Errors
/// When `input` is not what this version of mdBook sends, or as for [`Press::run`].
pub fn press(input: impl Read, output: impl Write) -> Result<()> {
    let made_for = format!(
        "install the version that it is made for with \
         `cargo install mdbook --version {MDBOOK_VERSION} --locked`"
    );
    let (context, book) = parse_input(input)
        .with_context(|| format!("press cannot read what mdBook sent; {made_for}"))?;
    if minor(&context.mdbook_version) != minor(MDBOOK_VERSION) {
        bail!(
            "press cannot work with mdBook {}; {made_for}",
            context.mdbook_version
        );
    }
    let book = Press.run(&context, book)?;
    serde_json::to_writer(output, &book).context("press cannot hand the book back to mdBook")
}

/// The part of a version within which mdBook's form stays as it is: `0.5` of `0.5.4`.
fn minor(version: &str) -> Option<&str> {
    version.rsplit_once('.').map(|(minor, _)| minor)
}
