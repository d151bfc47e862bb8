//! A cache folder whose installed brokers are the user's own, so that none is installed
//! twice, and whose warm brokers are the test's alone.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::Repository;
use super::program::book;

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

    /// `cargo book` with this cache, and no broker of the reader's own.
    pub fn book(&self, repository: &Repository, arguments: &[&str]) -> Command {
        let mut command = book(repository, arguments);
        command.env("BOOK_CACHE", self.path());
        for variable in ["BROKERS", "NATS_URL", "AMQP_URL", "KAFKA_BOOTSTRAP_SERVERS"] {
            command.env_remove(variable);
        }
        command
    }

    /// What the state file says, if there is one.
    pub fn state(&self) -> Option<serde_json::Value> {
        let text = std::fs::read_to_string(self.path().join("warm.json")).ok()?;
        Some(serde_json::from_str(&text).unwrap())
    }
}
