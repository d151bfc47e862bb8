//! A grader as a process: what it prints, how it ends, and what is left when it is killed.
//!
//! This test has no harness. Started with `GRADE_PROGRAM` it is a grader whose story needs no broker;
//! else it starts itself as one.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use grader::{Case, Result};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    if std::env::var_os("GRADE_PROGRAM").is_some() {
        return grader::main("ex00-story", story);
    }
    for (name, check) in [
        (
            "a_report_says_what_happened",
            a_report_says_what_happened as fn(),
        ),
        (
            "a_passed_program_is_a_success",
            a_passed_program_is_a_success,
        ),
        (
            "other_tests_are_none_of_its_own",
            other_tests_are_none_of_its_own,
        ),
        ("a_bad_setting_is_told", a_bad_setting_is_told),
        (
            "ctrl_c_ends_the_program_and_cleans_up",
            ctrl_c_ends_the_program_and_cleans_up,
        ),
        (
            "nothing_outlives_a_grader_that_is_killed",
            nothing_outlives_a_grader_that_is_killed,
        ),
    ] {
        check();
        println!("{name}: ok");
    }
    ExitCode::SUCCESS
}

/// Gives the program as many orders as the seed says, and wants each of them in a file.
async fn story(case: &Case) -> Result<()> {
    let cleaned = std::env::var_os("STORY_CLEANED").map(PathBuf::from);
    case.finally(async move {
        if let Some(path) = cleaned {
            std::fs::write(path, "")?;
        }
        Ok(())
    });
    let fault = case.fault("the lights go out");
    fault.outside(fault.on());
    fault.inside(fault.on());
    let orders = 1..=case.vary(3, 4..=9);
    let book = case.file("orders");
    let program = case.program("orders").env("BOOK", book.to_string_lossy());
    let mut program = program.start().await?;
    program
        .give(orders.clone().map(|order| format!("o-{order}")))
        .await;
    program.ended().await;
    let text = std::fs::read_to_string(book).unwrap_or_default();
    let lines = text.lines().enumerate();
    let found = lines.filter_map(|(line, id)| Some((grader::number(id)?, format!("line {line}"))));
    case.each_once("the book", orders, found);
    Ok(())
}

/// A folder with a program in it.
fn folder(script: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    // A shell writes it: a file that a child of this process holds open cannot be run.
    let write = r#"printf '#!/bin/sh\n%s\n' "$2" > "$1" && chmod 755 "$1""#;
    let program = folder.path().join("program");
    let shell = Command::new("sh")
        .args(["-c", write, "sh"])
        .arg(program)
        .arg(script)
        .status();
    assert!(shell.unwrap().success());
    folder
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .env("GRADE_PROGRAM", folder.join("program"))
        .env("GRADE_REPORT", folder.join("report.json"))
        .env("STORY_CLEANED", folder.join("cleaned"))
        .env("STORY_FOLDER", folder)
        .env_remove("GRADE_FAULTS")
        .env_remove("GRADE_SEED");
    command
}

fn report(folder: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(folder.join("report.json")).unwrap()).unwrap()
}

fn a_report_says_what_happened() {
    let folder = folder("grep -v o-2 > \"$BOOK\"; echo o-3 >> \"$BOOK\"; echo all done");
    let output = command(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    let begin =
        "\nex00-story: lost-message\n\n  o-2 is not in the book.\n\nWhat happened, in ms:\n";
    assert!(text.starts_with(begin), "{text}");
    for part in [
        "  orders  starts\n",
        "  orders  ends with exit code 0\n",
        "  fate  o-1 ●D  o-2 ✕L  o-3 ◆2\n",
        "The program's last words:\n  | all done\n",
        "\nseed 0, ",
    ] {
        assert!(text.contains(part), "{part:?} is missing in {text}");
    }
    let report = report(folder.path());
    assert_eq!(report["verdict"], "lost-message");
    assert_eq!(report["why"], serde_json::json!(["o-2 is not in the book"]));
    assert_eq!(report["faults"], 1);
}

fn a_passed_program_is_a_success() {
    let folder = folder("cat > \"$BOOK\"; cp \"$BOOK\" \"$STORY_FOLDER\"");
    let output = command(folder.path())
        .args(["--seed", "7"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("\nex00-story: passed\n"), "{text}");
    let orders = || std::fs::read_to_string(folder.path().join("orders")).unwrap();
    let first = orders();
    assert!((4..=9).contains(&first.lines().count()), "{first}");
    let again = command(folder.path())
        .env("GRADE_SEED", "7")
        .output()
        .unwrap();
    assert!(again.status.success());
    assert_eq!(orders(), first, "the same seed, the same run");
    assert_eq!(report(folder.path())["seed"], 7);
}

fn other_tests_are_none_of_its_own() {
    let folder = folder("exit 1");
    let output = command(folder.path())
        .args(["--test-threads", "2", "confirms"])
        .output();
    let output = output.unwrap();
    assert!(output.status.success() && output.stdout.is_empty());
    assert!(!folder.path().join("report.json").exists());
}

fn a_bad_setting_is_told() {
    let folder = folder("exit 0");
    let output = command(folder.path())
        .env("GRADE_FAULTS", "some")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        said,
        "error: GRADE_FAULTS is `some`; use on, off or skip:N, or unset it\n"
    );
}

/// Starts a grader whose program hangs, and gives the program's and its child's process ids.
fn hanging(folder: &Path) -> (Child, [u32; 2]) {
    let grader = command(folder).stdout(Stdio::piped()).spawn().unwrap();
    let said = folder.join("pids");
    let pids = until("the program runs", || {
        let text = std::fs::read_to_string(&said).ok()?;
        text.ends_with("end\n").then_some(text)
    });
    let mut pids = pids.split_whitespace().map_while(|pid| pid.parse().ok());
    (grader, [pids.next().unwrap(), pids.next().unwrap()])
}

const HANGS: &str = r#"sleep 1000 & echo $$ $! end > "$STORY_FOLDER/pids"; wait"#;

fn ctrl_c_ends_the_program_and_cleans_up() {
    let folder = folder(HANGS);
    let (mut grader, pids) = hanging(folder.path());
    signal(&grader, Signal::INT);
    assert_eq!(grader.wait().unwrap().code(), Some(130));
    assert!(folder.path().join("cleaned").exists());
    assert!(pids.iter().all(|pid| !runs(*pid)));
    let lines = BufReader::new(grader.stdout.take().unwrap()).lines();
    assert_eq!(lines.count(), 0, "a run that is cut short has no report");
}

fn nothing_outlives_a_grader_that_is_killed() {
    let folder = folder(HANGS);
    let (mut grader, pids) = hanging(folder.path());
    signal(&grader, Signal::KILL);
    assert_eq!(grader.wait().unwrap().signal(), Some(9));
    until("the program is gone", || {
        pids.iter().all(|pid| !runs(*pid)).then_some(())
    });
}

fn signal(grader: &Child, signal: Signal) {
    let pid = Pid::from_raw(grader.id().try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Whether a process with this number runs. A zombie does not.
fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap().starts_with(" Z"))
}

/// Asks again and again until there is an answer.
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        // poll: what is asked for tells nobody
        std::thread::sleep(Duration::from_millis(10));
    }
}
