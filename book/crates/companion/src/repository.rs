//! Where the repository is.

use std::path::PathBuf;

use anyhow::Result;
use catalog::Catalog;

/// The repository's top folder, looked for upward from the current one.
pub fn root() -> Result<PathBuf> {
    Ok(Catalog::find()?.root().to_owned())
}
