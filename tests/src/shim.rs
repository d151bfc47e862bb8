//! What stands in for `cargo` when a transcript is run again.
//!
//! trycmd compares a command's output byte by byte. It knows no lanes, takes standard error
//! for output, and waits for whatever still holds the output open. So the shim runs the
//! program that cargo would run as `cargo book accept` does, in a process group of its own and
//! with a deadline over the group, and prints the canonical form.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use catalog::{Catalog, Chapter, Line, Transcript};
use companion::runner::{Finished, Invocation, run};
use companion::tap::{self, Tap};
use tokio::process::Command;

use crate::programs::Programs;

/// The variable that names the file of [`Programs`].
pub const PROGRAMS: &str = "BOOK_TEST_PROGRAMS";
/// The variable that names a folder for what is [unlike](Outcome::unlike) the recorded runs.
pub const UNLIKE: &str = "BOOK_TEST_UNLIKE";
/// How long a command may take. A listing on a filled cache takes seconds; the rest is for a
/// machine with other things to do.
pub const LIMIT: Duration = Duration::from_secs(120);

/// What a command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A chapter's listing.
    Listing(Invocation),
    /// The companion, with these arguments.
    Book(Vec<String>),
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The output in canonical form, the program's errors last.
    pub lines: Vec<String>,
    /// The exit code; 128 and the signal's number where a signal ended it.
    pub code: i32,
    /// Of a run that is not as it was recorded, all that it said, in the order and with the times
    /// in which it did so: the canonical form does not have them, and whoever looks for the cause
    /// of a difference needs them.
    pub unlike: Option<String>,
}

/// Reads the arguments that follow `cargo`.
///
/// # Errors
/// When they are neither `run -p CHAPTER [--features A,B] [-- ARGS]` nor `book ARGS`. Above all `cargo test` is
/// refused: it would run this very test.
pub fn wanted(args: &[String]) -> Result<Wanted> {
    match args {
        [book, args @ ..] if book == "book" => Ok(Wanted::Book(args.to_vec())),
        [run, ..] if run == "run" => {
            let command = format!("cargo {}", args.join(" "));
            Ok(Wanted::Listing(Invocation::parse(&command)?))
        }
        _ => bail!(
            "a transcript runs `cargo run -p CHAPTER [--features A,B] [-- ARGS]` or `cargo book ...`, not `cargo {}`",
            args.join(" ")
        ),
    }
}

/// Runs what is wanted, with `root` as its folder.
///
/// # Errors
/// When the program is unknown, does not end within `limit`, or prints a lane that its
/// chapter does not name.
pub async fn outcome(
    wanted: &Wanted,
    programs: &Programs,
    root: &Path,
    limit: Duration,
) -> Result<Outcome> {
    let (program, args) = match wanted {
        Wanted::Listing(listing) => (programs.of(listing)?, &listing.arguments),
        Wanted::Book(args) => (programs.path("companion")?, args),
    };
    let mut command = Command::new(program);
    command.args(args).current_dir(root);
    let Wanted::Listing(listing) = wanted else {
        let finished = run(command, limit).await?;
        return Ok(Outcome {
            lines: finished.output().iter().map(Line::to_string).collect(),
            code: finished.code,
            unlike: None,
        });
    };
    let tap = Tap::open(&listing.package).await?;
    command.env(tap::VARIABLE, tap.setting());
    let finished = run(command, limit).await?;
    let book = Catalog::open(root)?;
    let chapter = book.chapter(&listing.package)?;
    let mut lines = finished.canonical(chapter)?;
    let passed = tap.all(finished.begun).await;
    let mut unlike = None;
    if let Some(recorded) = recorded(&book, chapter, listing)? {
        let run = recorded.run.filter(|run| !run.wire.is_empty());
        let differs = run.map_or(Vec::new(), |run| passed.unlike(&run.passed()));
        lines.extend(differs.into_iter().map(|it| format!("on the wire: {it}")));
        if lines != recorded.canonical || finished.code != recorded.status {
            unlike = Some(as_it_was(&recorded.command, &finished));
        }
    }
    Ok(Outcome {
        lines,
        code: finished.code,
        unlike,
    })
}

/// The recorded run of this very command.
fn recorded(book: &Catalog, chapter: &Chapter, listing: &Invocation) -> Result<Option<Transcript>> {
    for name in chapter.transcripts()? {
        let transcript = book.transcript(&chapter.id, &name)?;
        if Invocation::parse(&transcript.command)? == *listing {
            return Ok(Some(transcript));
        }
    }
    Ok(None)
}

fn as_it_was(command: &str, finished: &Finished) -> String {
    let lines = finished.lines.iter();
    let lines = lines.map(|line| format!("{:>6} ms  {line}", line.ms));
    let errors = finished
        .errors
        .iter()
        .map(|line| format!("   stderr  {line}"));
    let head = format!("`{command}` ended with exit code {}:", finished.code);
    let all: Vec<String> = std::iter::once(head).chain(lines).chain(errors).collect();
    all.join("\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tempfile::TempDir;

    fn args(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn listings_and_the_companion_are_wanted() {
        let Wanted::Listing(listing) = wanted(&args("run -p ch03-queue -- --ack auto")).unwrap()
        else {
            panic!("no listing");
        };
        assert_eq!(listing.package, "ch03-queue");
        assert_eq!(listing.arguments, ["--ack", "auto"]);
        assert_eq!(
            wanted(&args("book status")).unwrap(),
            Wanted::Book(args("status"))
        );
    }

    #[test]
    fn everything_else_is_refused() {
        for line in [
            "test",
            "run",
            "run ch03-queue",
            "run -p ch03-queue --ack auto",
            "build",
        ] {
            let error = wanted(&args(line)).unwrap_err().to_string();
            assert!(error.contains(&format!("`cargo {line}`")), "{error}");
        }
    }

    /// What a chapter's program prints through the shim, if it does what this script does.
    async fn printed(script: &str, limit: Duration) -> Result<Outcome> {
        printed_beside(None, script, limit).await
    }

    /// The same, where a run of it is recorded.
    async fn printed_beside(
        recorded: Option<&str>,
        script: &str,
        limit: Duration,
    ) -> Result<Outcome> {
        let folder = TempDir::new().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        };
        write("book.toml", "");
        write(
            "chapters/ch03-queue/Cargo.toml",
            "package = { name = 'ch03-queue', metadata.book.lanes = ['shop', 'worker 1'] }",
        );
        write("script", script);
        if let Some(recorded) = recorded {
            write("chapters/ch03-queue/transcripts/plain.trycmd", recorded);
        }
        let list = write("programs.json", r#"{"ch03-queue": "/bin/sh"}"#);
        let wanted = wanted(&args("run -p ch03-queue -- script")).unwrap();
        outcome(
            &wanted,
            &Programs::open(&list).unwrap(),
            folder.path(),
            limit,
        )
        .await
    }

    #[tokio::test]
    async fn the_canonical_form_and_the_exit_code_are_passed_on_and_notes_are_not() {
        let script = "echo 'worker 1  got o-1'; echo 'shop  sent o-1'; \
                      echo 'RabbitMQ, ready in 2 s' >&2; echo 'Error: no' >&2; exit 7";
        let outcome = printed(script, LIMIT).await.unwrap();
        assert_eq!(
            outcome.lines,
            ["shop  sent o-1", "worker 1  got o-1", "Error: no"]
        );
        assert_eq!(outcome.code, 7);
        assert_eq!(outcome.unlike, None);
    }

    #[tokio::test]
    async fn a_run_unlike_the_recorded_one_is_told_as_it_was() {
        let recorded = "```console\n$ cargo run -p ch03-queue -- script\nshop  sent o-1\n```\n";
        let beside = |script| printed_beside(Some(recorded), script, LIMIT);
        let alike = beside("echo 'shop  sent o-1'").await.unwrap();
        assert_eq!(alike.unlike, None);
        let script = "echo 'worker 1  got o-1'; echo 'shop  sent o-1'; echo note >&2";
        let unlike = beside(script).await.unwrap().unlike.unwrap();
        let lines: Vec<&str> = unlike.lines().collect();
        assert_eq!(
            lines[0],
            "`cargo run -p ch03-queue -- script` ended with exit code 0:"
        );
        assert!(lines[1].ends_with(" ms  worker 1  got o-1"), "{unlike}");
        assert!(lines[2].ends_with(" ms  shop  sent o-1"), "{unlike}");
        assert_eq!(lines[3].trim(), "stderr  note");
    }

    #[tokio::test]
    async fn an_unknown_lane_and_a_program_that_does_not_end_are_errors() {
        let error = printed("echo 'mailer  got o-1'", LIMIT).await.unwrap_err();
        assert!(error.to_string().contains("the lane `mailer`"), "{error:#}");
        let limit = Duration::from_secs(1);
        let error = printed("exec sleep 600", limit).await.unwrap_err();
        assert!(
            error.to_string().contains("still running after 1 s"),
            "{error:#}"
        );
    }
}
