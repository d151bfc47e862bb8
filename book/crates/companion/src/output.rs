//! What a command says on stdout.

use std::io::Write;

use anyhow::{Context, Result};

/// Prints a line. A reader that went away is an error like any other, not a panic.
pub fn line(text: impl std::fmt::Display) -> Result<()> {
    writeln!(std::io::stdout(), "{text}").context("cannot write to stdout")
}
