//! All that the pages draw from, read once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, Result};
use catalog::{Catalog, Claim, ClaimId, Misconception, SetHere, Settings, Term, Verified, nearest};
use mdbook_preprocessor::book::{Book, BookItem};

use crate::survey::Survey;

/// All that the pages draw from.
pub(crate) struct Material {
    pub catalog: Catalog,
    pub claims: BTreeMap<ClaimId, Claim>,
    /// What the claims' tests run on, by the broker's name.
    pub verified: BTreeMap<String, Verified>,
    pub misconceptions: BTreeMap<String, Misconception>,
    pub glossary: BTreeMap<String, Term>,
    pub settings: Settings,
    /// What each page holds, in the order of the book.
    pub survey: Vec<Survey>,
    set: OnceLock<Vec<SetHere>>,
    /// The part of the book that each page stands in, by its path without `.md`.
    parts: BTreeMap<String, String>,
    /// The title of each page, by its path below the folder of the pages, without `.md`.
    titles: BTreeMap<String, String>,
}

impl Material {
    /// Reads the repository at `root`.
    ///
    /// # Errors
    /// When it is no book's folder, or its claims or misconceptions cannot be read.
    pub fn read(root: &Path, book: &Book) -> Result<Material> {
        let catalog = Catalog::open(root)?;
        let claims = catalog.claims().context("cannot read the claims")?;
        let verified = catalog
            .verified()
            .context("cannot read what the recorded runs ran on")?;
        let misconceptions = catalog
            .misconceptions()
            .context("cannot read the misconceptions")?;
        let titles = book
            .chapters()
            .filter_map(|chapter| Some((slug(chapter.path.as_deref()?), chapter.name.clone())))
            .collect();
        let mut parts = BTreeMap::new();
        let mut part = String::new();
        for item in book.iter() {
            match item {
                BookItem::PartTitle(title) => part.clone_from(title),
                BookItem::Chapter(chapter) => {
                    let path = chapter.path.as_deref();
                    parts.extend(path.map(|path| (slug(path), part.clone())));
                }
                BookItem::Separator => part.clear(),
            }
        }
        let survey = book
            .chapters()
            .filter_map(|chapter| {
                let path = chapter.path.as_deref()?;
                Some(Survey::of(&slug(path), &chapter.content))
            })
            .collect();
        Ok(Material {
            glossary: catalog.glossary().context("cannot read the glossary")?,
            settings: catalog.settings().context("cannot read the settings")?,
            catalog,
            claims,
            verified,
            misconceptions,
            survey,
            parts,
            set: OnceLock::new(),
            titles,
        })
    }

    /// What the listings set. They are read when a page first wants to know.
    ///
    /// # Errors
    /// When a listing cannot be read.
    pub fn settings_set(&self) -> Result<&[SetHere]> {
        if let Some(set) = self.set.get() {
            return Ok(set);
        }
        let set = self.catalog.settings_set()?;
        Ok(self.set.get_or_init(|| set))
    }

    /// The address of a term in the glossary as seen from the page `from`, where the book has a
    /// page with the glossary.
    pub fn term(&self, term: &str, from: &str) -> Option<String> {
        let mut pages = self.survey.iter();
        let page = pages.find(|page| page.reference.contains("glossary"))?;
        let (address, _) = self.page(&page.slug, from).ok()?;
        Some(format!("{address}#{}", crate::reference::anchor(term)))
    }

    /// By misconception, the predictions that have it as an answer, each with the page that asks.
    pub fn asked(&self) -> BTreeMap<String, Vec<(&str, &str)>> {
        let mut asked: BTreeMap<String, Vec<(&str, &str)>> = BTreeMap::new();
        for page in &self.survey {
            for prediction in &page.predictions {
                let (chapter, id) = prediction.split_once('/').unwrap_or((prediction, ""));
                // A prediction that cannot be read is told where it is rendered.
                let Ok(found) = self.catalog.predict(chapter, id) else {
                    continue;
                };
                let options = found.options.into_iter();
                let beliefs: BTreeSet<_> = options.filter_map(|it| it.misconception).collect();
                for belief in beliefs {
                    let asks = asked.entry(belief).or_default();
                    asks.push((&page.slug, prediction));
                }
            }
        }
        asked
    }

    /// The address of the page `slug` as seen from the page `from`, and its title.
    ///
    /// # Errors
    /// When there is no such page; the text names the nearest.
    pub fn page(&self, slug: &str, from: &str) -> Result<(String, String), String> {
        let Some(title) = self.titles.get(slug) else {
            let slugs: Vec<&str> = self.titles.keys().map(String::as_str).collect();
            return Err(match nearest(slug, &slugs) {
                Some(other) => format!("there is no page `{slug}`; did you mean `{other}`?"),
                None => format!(
                    "there is no page `{slug}`; write book/src/{slug}.md and list it in SUMMARY.md"
                ),
            });
        };
        let up = "../".repeat(from.matches('/').count());
        Ok((format!("{up}{slug}.md"), title.clone()))
    }

    /// A title that tells a page from all others: with its part, where two have one title.
    pub fn full_title(&self, slug: &str) -> Option<String> {
        let title = self.titles.get(slug)?;
        let is_same = |other: &&String| *other == title;
        let part = self.parts.get(slug).filter(|part| !part.is_empty());
        match part {
            Some(part) if self.titles.values().filter(is_same).count() > 1 => {
                Some(format!("{part}: {title}"))
            }
            _ => Some(title.clone()),
        }
    }

    /// The claim of this id.
    ///
    /// # Errors
    /// When no test shows it; the text names the nearest.
    pub fn claim(&self, id: &ClaimId) -> Result<(&ClaimId, &Claim), String> {
        self.claims.get_key_value(id).ok_or_else(|| {
            let ids: Vec<&str> = self.claims.keys().map(ClaimId::as_str).collect();
            match nearest(id.as_str(), &ids) {
                Some(other) => format!("no test shows the claim `{id}`; did you mean `{other}`?"),
                None => format!(
                    "no test shows the claim `{id}`; write `/// claim: {id}` on the test that shows it"
                ),
            }
        })
    }
}

/// A page's path without `.md`, with `/` between its folders.
pub(crate) fn slug(path: &Path) -> String {
    path.with_extension("").to_string_lossy().replace('\\', "/")
}
