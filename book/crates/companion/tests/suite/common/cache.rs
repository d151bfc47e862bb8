//! A cache folder whose installed brokers are the user's own, so that none is installed
//! twice, and whose warm brokers are the test's alone.

use std::path::Path;

use tempfile::TempDir;

pub struct Cache(TempDir);

impl Cache {
    pub fn new() -> Cache {
        let cache = tempfile::tempdir().unwrap();
        brokers::cache::lend(cache.path()).unwrap();
        Cache(cache)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// What the state file says, if there is one.
    pub fn state(&self) -> Option<serde_json::Value> {
        let text = std::fs::read_to_string(self.path().join("warm.json")).ok()?;
        Some(serde_json::from_str(&text).unwrap())
    }
}
