//! What the tests in `tests/tests/` share.
//!
//! [`tidy`] holds the repository's conventions as functions from a text to a list of
//! problems, each with a unit test that shows it failing; [`words`] finds what needs a
//! claim; [`programs`] builds the workspace's programs once; [`shim`] stands in for cargo
//! when a transcript is run again; [`warm`] has the brokers for it.

pub mod files;
pub mod programs;
pub mod shim;
pub mod tidy;
pub mod warm;
pub mod words;

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use brokers::Broker;
use catalog::Catalog;

/// The book's top folder.
pub fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// The repository as its folders tell it.
///
/// # Errors
/// When it cannot be read; see [`Catalog::open`].
pub fn book() -> Result<Catalog> {
    Catalog::open(root())
}

/// The README's text.
///
/// # Errors
/// When there is none.
pub fn readme() -> Result<String> {
    std::fs::read_to_string(root().join("README.md")).context("README.md cannot be read; write it")
}

/// For a test that cannot run here because the machine lacks something: says so and how to
/// enable it.
///
/// # Panics
/// With `CI=true`, where every test must run.
pub fn skipped(reason: &str, enable: &str) {
    let line = format!("skipped: {reason}; enable with: {enable}");
    assert!(!is_ci(std::env::var("CI").ok().as_deref()), "{line}");
    say(&line);
}

/// Whether a broker is new enough for what a test shows. Where it is not, says so: on the oldest
/// versions that the book supports a behaviour may be missing, and that is no failure.
pub fn since(broker: &Broker, version: &str) -> bool {
    let new_enough = broker.require(version).is_ok();
    if !new_enough {
        let (kind, found) = (broker.kind(), broker.version());
        say(&format!(
            "skipped: {kind} {found} does not do it, {kind} {version} does"
        ));
    }
    new_enough
}

/// Says a line past the test harness, which would swallow the output of a test that passes.
pub fn say(line: &str) {
    // A closed standard error is no reason to fail.
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn is_ci(variable: Option<&str>) -> bool {
    variable == Some("true")
}

/// Fails a test with all problems at once.
///
/// # Panics
/// When there is a problem.
pub fn none(problems: &[String]) {
    assert!(
        problems.is_empty(),
        "{} to mend:\n{}",
        problems.len(),
        problems.join("\n")
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ci_true_is_ci() {
        assert!(is_ci(Some("true")));
        for other in [None, Some(""), Some("false"), Some("1")] {
            assert!(!is_ci(other), "{other:?}");
        }
    }

    #[test]
    #[should_panic(expected = "2 to mend:\nfirst\nsecond")]
    fn all_problems_are_told_at_once() {
        none(&["first".into(), "second".into()]);
    }
}
