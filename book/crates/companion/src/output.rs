//! What a command says on stdout, and asks there.

use std::io::Write;

use anyhow::{Context, Result};

/// Prints a line. A reader that went away is an error like any other, not a panic.
pub fn line(text: impl std::fmt::Display) -> Result<()> {
    writeln!(std::io::stdout(), "{text}").context("cannot write to stdout")
}

/// Asks on the terminal whether something may be replaced; where nobody answers it is a no.
pub fn agreed(question: &str) -> Result<bool> {
    print!("{question} A copy is kept. [y/N] ");
    std::io::stdout()
        .flush()
        .context("cannot write to stdout")?;
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .context("cannot read the answer")?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}
