//! Runs a listing so that its output can be compared: a fixed environment, a process
//! group of its own, a deadline.

use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use catalog::{Chapter, Line};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;

use brokers::Group;

/// What the operating system does not tell.
const UNTOLD: &str = "cannot wait for a program";
/// How many of the last lines an error shows.
const TAIL: usize = 12;
/// How long a program that is over its deadline may take to leave its broker as it was.
pub const CLEANING: Duration = Duration::from_secs(25);
/// Variables that change what a program prints.
const FIXED: [(&str, &str); 4] = [
    ("RUST_BACKTRACE", "0"),
    ("NO_COLOR", "1"),
    ("LANG", "C"),
    ("LC_ALL", "C"),
];
/// Variables of the caller that would, too.
const REMOVED: [&str; 5] = [
    "CLICOLOR_FORCE",
    "COLUMNS",
    "LANGUAGE",
    "RUST_LIB_BACKTRACE",
    "RUST_LOG",
];

/// The command of a transcript, as a reader types it: `cargo run -p CHAPTER`, then perhaps
/// `--features A,B`, then perhaps `--` and arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The chapter's package.
    pub package: String,
    /// What follows `--features`; without it the chapter is built as it is by default.
    pub features: Vec<String>,
    /// What follows `--`.
    pub arguments: Vec<String>,
}

impl Invocation {
    /// Takes a command apart.
    ///
    /// # Errors
    /// When it has another form. There is no shell here: no quotes, no variables.
    pub fn parse(command: &str) -> Result<Invocation> {
        let what = "a transcript's command is `cargo run -p CHAPTER`, then perhaps `--features A,B`, then perhaps `--` and arguments without quotes";
        ensure!(
            !command.contains(['\'', '"', '\\', '$', '|', '&', ';', '<', '>', '`', '*']),
            "`{command}` needs a shell; {what}"
        );
        let words: Vec<&str> = command.split_whitespace().collect();
        let ["cargo", "run", "-p", package, rest @ ..] = words.as_slice() else {
            bail!("`{command}` is not understood; {what}");
        };
        let (features, rest) = match rest {
            ["--features", features, rest @ ..] => (*features, rest),
            rest => ("", rest),
        };
        let arguments = match rest {
            [] => &[][..],
            ["--", arguments @ ..] => arguments,
            _ => bail!("`{command}` is not understood; {what}"),
        };
        let owned = |word: &str| word.to_owned();
        let features = features.split(',').filter(|feature| !feature.is_empty());
        Ok(Invocation {
            package: owned(package),
            features: features.map(owned).collect(),
            arguments: arguments.iter().map(|word| owned(word)).collect(),
        })
    }
}

/// A run that came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// When it began.
    pub begun: Instant,
    /// The exit code; 128 + N after signal N, as a shell counts.
    pub code: i32,
    /// The lines of stdout, with their time since the start.
    pub lines: Vec<Line>,
    /// The lines of stderr.
    pub errors: Vec<String>,
}

impl Finished {
    /// The lines that are compared: stdout, then what stderr says of an error. The notes
    /// on brokers there differ from run to run and are left out.
    pub fn output(&self) -> Vec<Line> {
        let end = self.lines.last().map_or(0, |line| line.ms);
        let errors = self.failure().into_iter();
        self.lines
            .iter()
            .cloned()
            .chain(errors.map(|line| Line::new(end, &line)))
            .collect()
    }

    /// The output in its canonical form, by the lanes of the listing's chapter.
    ///
    /// # Errors
    /// When a line's lane is not in the chapter's list.
    pub fn canonical(&self, chapter: &Chapter) -> Result<Vec<String>> {
        let lines: Vec<String> = self.lines.iter().map(Line::to_string).collect();
        let mut canonical = catalog::canonical(&lines, &chapter.lanes)?;
        canonical.extend(self.failure());
        Ok(canonical)
    }

    fn failure(&self) -> Vec<String> {
        catalog::errors(&self.errors.join("\n"))
    }
}

/// Gives a listing's command the environment in which its output can be compared, and pipes for
/// what it prints.
pub fn fix(command: &mut Command) {
    command.envs(FIXED);
    for name in REMOVED {
        command.env_remove(name);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
}

/// The exit code; 128 + N after signal N, as a shell counts.
pub fn code(status: ExitStatus) -> i32 {
    let signal = || status.signal().map(|signal| 128 + signal);
    status.code().or_else(signal).unwrap_or(1)
}

/// Runs a program to its end. Its standard input is empty. What it leaves running in its
/// process group is killed then; dropped half-way, this kills them all.
///
/// # Errors
/// When the program cannot be started, or still runs at the deadline: it is asked to end, then
/// killed, and the error shows its last lines.
pub async fn run(mut command: Command, deadline: Duration) -> Result<Finished> {
    fix(&mut command);
    command.stdin(Stdio::null());
    let begun = Instant::now();
    let program = command
        .as_std()
        .get_program()
        .to_string_lossy()
        .into_owned();
    let mut group =
        Group::spawn(&mut command).with_context(|| format!("cannot start {program}"))?;
    let (mut lines, mut errors) = (Vec::new(), Vec::new());
    let stdout = group
        .child
        .stdout
        .take()
        .context("a program has no stdout")?;
    let stderr = group
        .child
        .stderr
        .take()
        .context("a program has no stderr")?;
    let ending = async {
        group.ended().await.context(UNTOLD)?;
        group.kill();
        Ok(())
    };
    let running = async {
        tokio::try_join!(
            ending,
            each_line(stdout, |line| {
                let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                lines.push(Line::new(ms, line));
            }),
            each_line(stderr, |line| errors.push(line.to_owned())),
        )
    };
    let ran = {
        let mut running = pin!(running);
        let ran = tokio::time::timeout(deadline, &mut running).await.ok();
        if ran.is_none() {
            // What it says while it cleans up is read: a closed pipe would break it.
            group.terminate();
            let _ = tokio::time::timeout(CLEANING, running).await;
            group.kill();
        }
        ran
    };
    let Some(ran) = ran else {
        let mut shown: Vec<String> = lines.iter().map(Line::to_string).chain(errors).collect();
        let tail = shown
            .split_off(shown.len().saturating_sub(TAIL))
            .join("\n  | ");
        bail!(
            "still running after {} s, ended. Its last lines:\n  | {tail}",
            deadline.as_secs()
        );
    };
    ran?;
    let status = group.wait().await.context(UNTOLD)?;
    Ok(Finished {
        begun,
        code: code(status),
        lines,
        errors,
    })
}

async fn each_line(stream: impl AsyncRead + Unpin, mut take: impl FnMut(&str)) -> Result<()> {
    let mut lines = BufReader::new(stream).split(b'\n');
    while let Some(line) = lines
        .next_segment()
        .await
        .context("cannot read a program's output")?
    {
        take(&String::from_utf8_lossy(&line));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn texts(lines: &[Line]) -> Vec<String> {
        lines.iter().map(Line::to_string).collect()
    }

    #[test]
    fn a_command_is_taken_apart() {
        let invocation = Invocation::parse("cargo run -p ch03-x -- --ack auto").unwrap();
        assert_eq!(invocation.package, "ch03-x");
        assert_eq!(invocation.arguments, ["--ack", "auto"]);
        assert!(
            Invocation::parse("cargo run -p ch03-x")
                .unwrap()
                .arguments
                .is_empty()
        );
        let invocation = Invocation::parse("cargo run -p ch03-x --features a,b").unwrap();
        assert_eq!(invocation.features, ["a", "b"]);
        let command = "cargo run -p ch03-x --features a -- --features b";
        let invocation = Invocation::parse(command).unwrap();
        assert_eq!(invocation.features, ["a"]);
        assert_eq!(invocation.arguments, ["--features", "b"]);
        for other in [
            "",
            "cargo run -p ch03-x --features",
            "cargo run -p ch03-x --features a b",
            "cargo run --features a -p ch03-x",
            "cargo test -p ch03-x",
            "cargo run",
            "cargo run -p ch03-x --release",
            "cargo run -p ch03-x -- --name 'a b'",
            "cargo run -p ch03-x | head",
        ] {
            assert!(Invocation::parse(other).is_err(), "{other}");
        }
    }

    #[tokio::test]
    async fn lines_come_with_their_lane_and_errors_apart() {
        let run = run(shell("echo 'shop  sent o-1'; echo note >&2"), PATIENCE)
            .await
            .unwrap();
        assert_eq!(run.code, 0);
        assert_eq!(run.lines[0].lane, "shop");
        assert_eq!(texts(&run.output()), ["shop  sent o-1"]);
        assert_eq!(run.errors, ["note"]);
    }

    #[tokio::test]
    async fn what_is_told_of_an_error_belongs_to_the_output() {
        let script = "echo out; echo note >&2; echo 'Error: no' >&2; echo '  why' >&2; exit 3";
        let run = run(shell(script), PATIENCE).await.unwrap();
        assert_eq!(run.code, 3);
        assert_eq!(texts(&run.output()), ["out", "Error: no", "  why"]);
    }

    #[tokio::test]
    async fn a_signal_counts_as_in_a_shell() {
        let run = run(shell("kill -TERM $$"), PATIENCE).await.unwrap();
        assert_eq!(run.code, 143);
    }

    #[tokio::test]
    async fn the_environment_is_fixed() {
        let script = "echo $NO_COLOR $LC_ALL $RUST_BACKTRACE; cat";
        let run = run(shell(script), PATIENCE).await.unwrap();
        assert_eq!(texts(&run.output()), ["1 C 0"]);
    }

    #[tokio::test]
    async fn at_the_deadline_the_whole_group_dies() {
        let script = "sleep 1000 & echo $!; sleep 1000";
        let error = run(shell(script), Duration::from_secs(2))
            .await
            .unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("still running after 2 s, ended"), "{text}");
        gone(text.rsplit("| ").next().unwrap().trim()).await;
    }

    #[tokio::test]
    async fn at_the_deadline_a_program_cleans_up_and_says_so() {
        let script = "trap 'echo cleans; echo cleaned; exit' TERM; while :; do sleep 0.1; done";
        let run = run(shell(script), Duration::from_secs(2)).await;
        let text = run.unwrap_err().to_string();
        assert!(text.contains("| cleans\n  | cleaned"), "{text}");
    }

    #[tokio::test]
    async fn what_is_left_behind_is_neither_waited_for_nor_left() {
        let run = run(shell("sleep 1000 & echo $!"), PATIENCE).await.unwrap();
        assert_eq!(run.code, 0);
        gone(&run.lines[0].text).await;
    }

    /// Waits until a process is gone or dead.
    async fn gone(pid: &str) {
        assert!(pid.parse::<u32>().is_ok(), "{pid} is no process id");
        let alive = || {
            std::fs::read_to_string(format!("/proc/{pid}/stat"))
                .is_ok_and(|stat| !stat.contains(") Z "))
        };
        let wait = async {
            while alive() {
                // poll: nobody tells of the end of a grandchild
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap();
    }

    #[tokio::test]
    async fn a_program_that_is_missing_is_named() {
        let error = run(Command::new("/no/such/program"), PATIENCE)
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "cannot start /no/such/program");
    }
}
