//! A cache folder whose installed brokers are the user's own, so that none is installed
//! twice, and whose warm brokers are the test's alone.

use std::os::unix::fs::symlink;
use std::path::Path;

use brokers::Kind;
use tempfile::TempDir;

pub struct Cache(TempDir);

impl Cache {
    pub fn new() -> Cache {
        let cache = tempfile::tempdir().unwrap();
        let users = brokers::cache::folder().unwrap();
        for kind in Kind::ALL {
            let installed = users.join(kind.name());
            std::fs::create_dir_all(&installed).unwrap();
            symlink(installed, cache.path().join(kind.name())).unwrap();
        }
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
