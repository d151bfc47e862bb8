//! All that the pages draw from, read once.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use catalog::{Catalog, Claim, ClaimId, Misconception, nearest};
use mdbook_preprocessor::book::Book;

/// All that the pages draw from.
pub(crate) struct Material {
    pub catalog: Catalog,
    pub claims: BTreeMap<ClaimId, Claim>,
    pub misconceptions: BTreeMap<String, Misconception>,
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
        let misconceptions = catalog
            .misconceptions()
            .context("cannot read the misconceptions")?;
        let titles = book
            .chapters()
            .filter_map(|chapter| Some((slug(chapter.path.as_deref()?), chapter.name.clone())))
            .collect();
        Ok(Material {
            catalog,
            claims,
            misconceptions,
            titles,
        })
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
