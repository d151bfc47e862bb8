//! Conventions of the pages: what they show, and the order in which they can be read.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use catalog::{Catalog, DEFAULT_FILE, Directive, Head, directives};
use companion::runner::Invocation;

use crate::tidy::source::SNIPPET;

/// A piece of a listing that a page shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shown {
    /// The chapter's id.
    pub chapter: String,
    /// The file, as seen from the chapter's folder.
    pub file: String,
    /// The anchor.
    pub anchor: String,
}

/// Reads what stands in `{{#listing ...}}`: `CHAPTER#ANCHOR` or `CHAPTER:FILE#ANCHOR`, and the
/// whole file without an anchor.
pub fn shown(argument: &str) -> Shown {
    let (place, anchor) = argument.split_once('#').unwrap_or((argument, "all"));
    let (chapter, file) = place.split_once(':').unwrap_or((place, DEFAULT_FILE));
    Shown {
        chapter: chapter.to_owned(),
        file: file.to_owned(),
        anchor: anchor.to_owned(),
    }
}

/// The directives of all pages, each with its page's path.
///
/// # Errors
/// When SUMMARY.md or a page cannot be read.
pub fn all_directives(book: &Catalog) -> Result<Vec<(String, Directive)>> {
    let mut found = Vec::new();
    for page in book.pages()? {
        let text = std::fs::read_to_string(&page.path)?;
        let path = book.shown(&page.path);
        found.extend(
            directives(&text)
                .into_iter()
                .map(|directive| (path.clone(), directive)),
        );
    }
    Ok(found)
}

/// Every anchor is shown on a page, every shown anchor exists, and none is too long to read.
/// The whole file may be longer.
///
/// # Errors
/// When a page or a chapter cannot be read.
pub fn anchors_are_shown(book: &Catalog) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for (page, directive) in all_directives(book)? {
        if directive.name != "listing" {
            continue;
        }
        let shown = shown(&directive.argument);
        let place = format!("{page}:{}", directive.line);
        match book.snippet(&shown.chapter, &shown.file, &shown.anchor) {
            Err(error) => problems.push(format!("{place}: {error:#}")),
            Ok(snippet) if shown.anchor != "all" && snippet.lines > SNIPPET => {
                problems.push(format!(
                    "{}:{}: the anchor `{}` holds {} lines, {SNIPPET} are allowed; show less of it",
                    snippet.path.display(),
                    snippet.first_line,
                    shown.anchor,
                    snippet.lines
                ))
            }
            Ok(_) => {}
        }
        seen.insert(shown);
    }
    for chapter in book.chapters() {
        for anchor in chapter.anchors()? {
            let shown = Shown {
                chapter: chapter.id.clone(),
                file: anchor.file.clone(),
                anchor: anchor.name.clone(),
            };
            if !seen.contains(&shown) {
                problems.push(format!(
                    "chapters/{}/{}:{}: no page shows the anchor `{}`; show it with \
                     {{{{#listing {}{}#{}}}}} or remove its marks",
                    chapter.id,
                    anchor.file,
                    anchor.line,
                    anchor.name,
                    chapter.id,
                    if anchor.file == DEFAULT_FILE {
                        String::new()
                    } else {
                        format!(":{}", anchor.file)
                    },
                    anchor.name
                ));
            }
        }
    }
    Ok(problems)
}

/// The heads of all pages, by slug.
///
/// # Errors
/// When SUMMARY.md or a page cannot be read, or a page has no valid head: all of these at once.
pub fn heads(book: &Catalog) -> Result<BTreeMap<String, Head>> {
    let mut heads = BTreeMap::new();
    let mut problems = Vec::new();
    for page in book.pages()? {
        match Head::parse(&std::fs::read_to_string(&page.path)?) {
            Ok(head) => {
                heads.insert(page.slug, head);
            }
            Err(error) => problems.push(format!("{}:1: {error:#}", book.shown(&page.path))),
        }
    }
    anyhow::ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(heads)
}

/// What a page needs exists, comes before it in the sidebar, and so never needs the page in turn.
/// A page of the spine needs no deeper one, and a term is introduced once.
pub fn order(slugs: &[String], heads: &BTreeMap<String, Head>) -> Vec<String> {
    let mut problems = Vec::new();
    let mut terms: BTreeMap<&str, &str> = BTreeMap::new();
    for (place, slug) in slugs.iter().enumerate() {
        let Some(head) = heads.get(slug) else {
            continue;
        };
        for need in &head.needs {
            let page = format!("book/src/{slug}.md");
            match slugs.iter().position(|other| other == need) {
                None => problems.push(format!("{page}: it needs `{need}`, and there is no such page; correct its head")),
                Some(other) if other >= place => problems.push(format!(
                    "{page}: it needs `{need}`, which does not come before it in SUMMARY.md; move one of them"
                )),
                Some(_) => {}
            }
            if head.level < heads.get(need).map_or(head.level, |other| other.level) {
                problems.push(format!(
                    "{page}: a page of the spine needs `{need}`, which is deeper; drop the need or raise that page"
                ));
            }
        }
        for term in &head.terms {
            if let Some(first) = terms.insert(term, slug) {
                problems.push(format!(
                    "book/src/{slug}.md: the term `{term}` is introduced by book/src/{first}.md already; drop one"
                ));
            }
        }
    }
    problems
}

/// A page shows no output that was typed: a command of a listing stands in a transcript.
pub fn no_output_is_typed(path: &str, markdown: &str) -> Vec<String> {
    let lines: Vec<&str> = markdown.lines().collect();
    let typed = lines.windows(2).enumerate().filter(|(_, pair)| {
        let line = pair[0].trim_start();
        let next = pair[1].trim_start();
        line.starts_with("$ cargo run -p ch") && !next.starts_with("```") && !next.starts_with("$ ")
    });
    typed
        .map(|(index, _)| {
            format!(
                "{path}:{}: this output is typed; record it with `cargo book accept` and show it with \
                 {{{{#transcript CHAPTER/NAME}}}}",
                index + 1
            )
        })
        .collect()
}

/// A comment that begins a line ends the paragraph above it, and what follows is one of its own.
pub fn no_comment_cuts_a_paragraph(path: &str, markdown: &str) -> Vec<String> {
    let lines: Vec<&str> = markdown.lines().map(str::trim).collect();
    let cut = lines.windows(2).enumerate().filter(|(_, pair)| {
        let is_text = pair[0].chars().next().is_some_and(char::is_alphanumeric);
        pair[1].starts_with("<!--") && is_text
    });
    let problem = |(index, _)| {
        format!(
            "{path}:{}: this comment ends the paragraph above it; put it on that line, behind a word",
            index + 2
        )
    };
    cut.map(problem).collect()
}

/// A listing's command on a page can be typed as it stands there: the package, its features and
/// its knobs are there. A word in upper case stands for any.
pub fn commands_exist(path: &str, markdown: &str, book: &Catalog) -> Vec<String> {
    let mut problems = Vec::new();
    for (index, line) in markdown.lines().enumerate() {
        for (start, _) in line.match_indices("cargo run -p ch") {
            let command = line[start..].split(['`', '<', '#']).next();
            let command = command.unwrap_or_default().trim();
            if let Err(error) = command_exists(command, book) {
                problems.push(format!("{path}:{}: `{command}`: {error:#}", index + 1));
            }
        }
    }
    problems
}

fn command_exists(command: &str, book: &Catalog) -> Result<()> {
    let invocation = Invocation::parse(command)?;
    let chapter = book.chapter(&invocation.package)?;
    for feature in &invocation.features {
        anyhow::ensure!(
            chapter.features.contains(feature),
            "{} has no feature `{feature}`; it has {}",
            chapter.id,
            chapter.features.join(", ")
        );
    }
    let mut knob = None;
    for word in &invocation.arguments {
        if let Some(name) = word.strip_prefix("--") {
            let found = chapter.knobs.get(name);
            knob = Some(found.with_context(|| format!("{} has no knob --{name}", chapter.id))?);
        } else if let Some(values) = knob.take() {
            let is_any = word.chars().all(|c| c.is_ascii_uppercase());
            anyhow::ensure!(
                is_any || values.contains(word),
                "`{word}` is none of {}",
                values.join(", ")
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use catalog::Level;

    #[test]
    fn a_listing_names_chapter_file_and_anchor() {
        let parts = |argument: &str| {
            let shown = shown(argument);
            (shown.chapter, shown.file, shown.anchor)
        };
        let expected = |file: &str, anchor: &str| {
            ("ch03-queue".to_owned(), file.to_owned(), anchor.to_owned())
        };
        assert_eq!(
            parts("ch03-queue#publish"),
            expected("src/main.rs", "publish")
        );
        assert_eq!(
            parts("ch03-queue:src/args.rs#knobs"),
            expected("src/args.rs", "knobs")
        );
        assert_eq!(parts("ch03-queue"), expected("src/main.rs", "all"));
    }

    #[test]
    fn an_anchor_unshown_missing_or_too_long_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let long = "f();\n".repeat(26);
        let main = format!(
            "// ANCHOR: ack\nf();\n// ANCHOR_END: ack\n// ANCHOR: long\n{long}// ANCHOR_END: long\n\
             // ANCHOR: hidden\nf();\n// ANCHOR_END: hidden\n"
        );
        write("book.toml", "");
        write(
            "chapters/ch03-queue/Cargo.toml",
            "package.name = 'ch03-queue'",
        );
        write("chapters/ch03-queue/src/main.rs", &main);
        write("book/src/SUMMARY.md", "- [Queue](ch03-queue.md)\n");
        write(
            "book/src/ch03-queue.md",
            "{{#listing ch03-queue#ack}}\n{{#listing ch03-queue#long}}\n{{#listing ch03-queue}}\n{{#listing ch03-queue#akc}}\n",
        );
        let problems = anchors_are_shown(&Catalog::open(folder.path()).unwrap()).unwrap();
        assert_eq!(
            problems,
            [
                "chapters/ch03-queue/src/main.rs:5: the anchor `long` holds 26 lines, 25 are allowed; show less of it",
                "book/src/ch03-queue.md:4: chapters/ch03-queue/src/main.rs has no anchor `akc`; did you mean `ack`?",
                "chapters/ch03-queue/src/main.rs:32: no page shows the anchor `hidden`; show it with \
                 {{#listing ch03-queue#hidden}} or remove its marks",
            ]
        );

        write("book/src/ch03-queue.md", "# No head\n");
        let error = heads(&Catalog::open(folder.path()).unwrap())
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("book/src/ch03-queue.md:1: the page does not begin with its head"),
            "{error}"
        );
    }

    fn head(needs: &[&str], terms: &[&str], level: Level) -> Head {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Head {
            needs: list(needs),
            terms: list(terms),
            level,
        }
    }

    fn problems(pages: &[(&str, Head)]) -> Vec<String> {
        let slugs: Vec<String> = pages.iter().map(|(slug, _)| (*slug).to_owned()).collect();
        let heads = pages
            .iter()
            .map(|(slug, head)| ((*slug).to_owned(), head.clone()))
            .collect();
        order(&slugs, &heads)
    }

    #[test]
    fn pages_can_be_read_in_order() {
        let good = [
            ("a", head(&[], &["ack"], Level::Spine)),
            ("b", head(&["a"], &["nack"], Level::Spine)),
            ("c", head(&["a", "b"], &[], Level::Deeper)),
        ];
        assert_eq!(problems(&good), [""; 0]);
        let cycle = [
            ("a", head(&["b"], &[], Level::Spine)),
            ("b", head(&["a"], &[], Level::Spine)),
        ];
        assert_eq!(
            problems(&cycle),
            [
                "book/src/a.md: it needs `b`, which does not come before it in SUMMARY.md; move one of them"
            ]
        );
        let own = [("a", head(&["a"], &[], Level::Spine))];
        assert_eq!(problems(&own).len(), 1);
        let gone = [("a", head(&["z"], &[], Level::Spine))];
        assert!(problems(&gone)[0].contains("no such page"));
        let deep = [
            ("a", head(&[], &[], Level::Deeper)),
            ("b", head(&["a"], &[], Level::Spine)),
        ];
        assert!(problems(&deep)[0].contains("which is deeper"));
        let twice = [
            ("a", head(&[], &["ack"], Level::Spine)),
            ("b", head(&[], &["ack"], Level::Spine)),
        ];
        assert!(problems(&twice)[0].contains("introduced by book/src/a.md already"));
    }

    #[test]
    fn a_command_that_cannot_be_typed_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let chapter = folder.path().join("chapters/ch01-x");
        std::fs::write(folder.path().join("book.toml"), "").unwrap();
        std::fs::create_dir_all(&chapter).unwrap();
        let manifest = "package = { name = 'ch01-x', metadata.book.knobs.ack = ['auto'] }\n\
                        features = { kafka = [] }";
        std::fs::write(chapter.join("Cargo.toml"), manifest).unwrap();
        let book = Catalog::open(folder.path()).unwrap();
        let problems = |text: &str| commands_exist("p.md", text, &book);
        let good = "`cargo run -p ch01-x`, <code>cargo run -p ch01-x -- --ack auto</code>\n\
                    $ cargo run -p ch01-x --features kafka -- --ack VALUE\n";
        assert_eq!(problems(good), [""; 0]);
        for (command, expected) in [
            ("cargo run -p ch01-y", "there is no chapter `ch01-y`"),
            (
                "cargo run -p ch01-x --features kafak",
                "ch01-x has no feature `kafak`; it has kafka",
            ),
            ("cargo run -p ch01-x -- --akc auto", "has no knob --akc"),
            ("cargo run -p ch01-x -- --ack no", "`no` is none of auto"),
            ("cargo run -p ch01-x --ack auto", "is not understood"),
        ] {
            let found = problems(&format!("\n`{command}`"));
            assert!(found[0].starts_with("p.md:2: "), "{found:?}");
            assert!(found[0].contains(expected), "{found:?}");
        }
    }

    #[test]
    fn output_on_a_page_is_recorded() {
        let typed = "```console\n$ cargo run -p ch03-queue\nshop  sent o-1\n```\n";
        assert_eq!(no_output_is_typed("p.md", typed).len(), 1);
        let command =
            "```console\n$ cargo run -p ch03-queue\n```\n$ cargo run -p ch03-queue\n$ ls\n";
        assert_eq!(no_output_is_typed("p.md", command), [""; 0]);
    }

    #[test]
    fn a_comment_stands_behind_a_word() {
        let cut = "It is gone\n<!-- no claim -->.\n";
        assert_eq!(no_comment_cuts_a_paragraph("p.md", cut).len(), 1);
        for whole in [
            "It is\ngone<!-- no claim -->.\n",
            "Gone.\n\n<!-- later -->\n",
        ] {
            assert_eq!(no_comment_cuts_a_paragraph("p.md", whole), [""; 0]);
        }
    }
}
