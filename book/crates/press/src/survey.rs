//! What the pages hold, read before any is rendered: the reference pages tell of all others.

use std::collections::BTreeSet;

use catalog::{Catalog, ClaimId, Head, directives};
use pulldown_cmark::{Event, Parser, Tag};

use crate::markdown::{blocks, options};

/// What one page holds.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// The page's path without `.md`.
    pub slug: String,
    /// Its claims.
    pub claims: BTreeSet<ClaimId>,
    /// The terms that it introduces.
    pub terms: Vec<String>,
    /// How many pieces of listings it shows.
    pub listings: usize,
    /// The recorded runs that it shows, as `CHAPTER/NAME`.
    pub transcripts: BTreeSet<String>,
    /// The predictions that it asks for, as `CHAPTER/ID`.
    pub predictions: BTreeSet<String>,
    /// The parts of the reference that it holds: `glossary`, `settings kafka`.
    pub reference: BTreeSet<String>,
    /// How many blocks of Rust stand in the page itself, where nothing compiles them.
    pub rust: usize,
    /// The addresses of other hosts that it links to.
    pub links: BTreeSet<String>,
}

impl Survey {
    /// Surveys the page `slug`. What is malformed counts as absent; it is told when the page is
    /// rendered.
    pub fn of(slug: &str, markdown: &str) -> Survey {
        let mut survey = Survey {
            slug: slug.to_owned(),
            terms: Head::parse(markdown).map_or_else(|_| Vec::new(), |head| head.terms),
            ..Survey::default()
        };
        let marks = Catalog::page_claims(markdown).into_iter();
        survey.claims = marks.filter_map(|mark| mark.id.ok()).collect();
        let own = slug.rsplit('/').next().unwrap_or_default();
        for directive in directives(markdown) {
            let argument = directive.argument;
            match directive.name.as_str() {
                "listing" => survey.listings += 1,
                "transcript" => drop(survey.transcripts.insert(argument)),
                "reference" => drop(survey.reference.insert(argument)),
                "predict" if argument.contains('/') => drop(survey.predictions.insert(argument)),
                "predict" => drop(survey.predictions.insert(format!("{own}/{argument}"))),
                _ => {}
            }
        }
        let is_rust = |language: &str| language == "rust" || language == "rs";
        let fences = blocks(markdown).fences;
        survey.rust = fences.iter().filter(|it| is_rust(&it.language)).count();
        for event in Parser::new_ext(markdown, options()) {
            if let Event::Start(Tag::Link { dest_url, .. }) = event
                && (dest_url.starts_with("https://") || dest_url.starts_with("http://"))
            {
                survey.links.insert(dest_url.into_string());
            }
        }
        survey
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_surveyed() {
        let survey = Survey::of(
            "ch03-queue",
            "<!--\nneeds = []\nterms = [\"log\"]\nlevel = \"spine\"\n-->\n\
             {{#listing ch03-queue#a}}\n\n{{#predict lost}}\n\n{{#predict ch01-x/b}}\n\n\
             {{#transcript ch03-queue/auto}}\n\nIt is. [claim: rabbit.a.b] [claim: wrong]\n\n\
             [a](https://a.example/b#c) [b](ch01.md) <https://c.example/>\n\n\
             ```rust,ignore\nfn f() {}\n```\n\n`[c](https://d.example)`\n",
        );
        assert_eq!(survey.terms, ["log"]);
        assert_eq!(survey.listings, 1);
        assert_eq!(survey.rust, 1);
        let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(list(&survey.predictions), "ch01-x/b ch03-queue/lost");
        assert_eq!(list(&survey.transcripts), "ch03-queue/auto");
        assert_eq!(
            list(&survey.links),
            "https://a.example/b#c https://c.example/"
        );
        assert_eq!(survey.claims.len(), 1);
    }
}
