//! `book/misconceptions.toml`: what readers often believe, and the claim that shows otherwise.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::files::read;
use crate::{Catalog, ClaimId};

/// Something that is often believed and wrong.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Misconception {
    /// The belief, as one would say it.
    pub says: String,
    /// The claim whose test shows that it is wrong.
    pub claim: ClaimId,
    /// The page that explains it, such as `ch03-rabbit-queue`.
    pub page: String,
}

impl Catalog {
    /// The misconceptions in use, by id (`M01`). None where the file does not exist.
    ///
    /// # Errors
    /// When the file is malformed.
    pub fn misconceptions(&self) -> Result<BTreeMap<String, Misconception>> {
        let path = self.root.join("book/misconceptions.toml");
        if !path.is_file() {
            return Ok(BTreeMap::new());
        }
        toml::from_str(&read(&self.root, &path)?)
            .with_context(|| format!("{} is malformed", self.shown(&path)))
    }
}
