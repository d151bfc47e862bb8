//! Listings that misbehave, and pages that go away: each run is bounded, the server stays up, and
//! nothing is left running.

use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::page::{Run, Stage};
use crate::common::program::{runs, until};

/// Says the numbers of the listing, of a child in its group and of a daemon that has left it, all
/// of them deaf to everything but SIGKILL, and stays.
const CLINGING: &str = "trap '' HUP INT TERM
mkfifo ready free
sh -c 'echo $$ > ready; while :; do sleep 1; done' &
read child < ready
setsid sh -c 'echo $$ > free; while :; do sleep 1; done' > /dev/null 2>&1 &
read daemon < free
echo $$; echo $child; echo $daemon
while :; do sleep 1; done";

/// The numbers that [`CLINGING`] says.
fn all_three(run: &mut Run) -> Vec<u32> {
    let pids: Vec<u32> = (0..3)
        .map(|_| run.wait("line")["text"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(pids.iter().all(|pid| runs(*pid)), "{pids:?}");
    pids
}

/// Waits until none of them runs.
fn gone(pids: &[u32]) {
    until("nothing is left", || {
        (!pids.iter().any(|pid| runs(*pid))).then_some(())
    });
}

/// A place is free again.
fn free(stage: &Stage) {
    until("a listing can run", || {
        let mut run = stage.ask(&json!({"listing": "ch01-x"}));
        (run.status == 200).then(|| run.next())
    });
}

#[test]
fn a_stop_ends_what_is_deaf_and_what_has_left_the_group() {
    let stage = Stage::new(CLINGING);
    let mut run = stage.run();
    let begun = run.next().unwrap();
    let pids = all_three(&mut run);
    assert_eq!(stage.stop(&begun).status, 200);
    assert_eq!(run.end()["said"], "Stopped while it ran.");
    assert!(
        !pids.iter().any(|pid| runs(*pid)),
        "gone before the page is told"
    );
}

/// Takes away what it has made when it is asked to end, and says so.
const CLEANING: &str = "trap 'echo cleans; echo > cleaned; exit 0' TERM
echo up
while :; do sleep 0.1; done";

#[test]
fn a_stopped_listing_takes_away_what_it_has_made() {
    let stage = Stage::new(CLEANING);
    let mut run = stage.run();
    let begun = run.next().unwrap();
    run.wait("line");
    assert_eq!(stage.stop(&begun).status, 200);
    assert_eq!(run.wait("line")["text"], "cleans");
    assert_eq!(run.end()["said"], "Stopped while it ran.");
    assert!(stage.repository.has("cleaned"));
}

#[test]
fn the_listing_of_a_vanished_page_takes_away_what_it_has_made() {
    let stage = Stage::new(CLEANING);
    let mut run = stage.run();
    run.wait("line");
    drop(run);
    until("it is cleaned", || {
        stage.repository.has("cleaned").then_some(())
    });
}

#[test]
fn with_the_server_a_listing_takes_away_what_it_has_made() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut stage = Stage::new(CLEANING);
        let mut run = stage.run();
        run.wait("line");
        stage.server.program.signal(signal);
        assert!(stage.server.program.end().success());
        assert!(stage.repository.has("cleaned"), "{signal:?}");
    }
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_a_listing() {
    let mut stage = Stage::new(CLINGING);
    let mut run = stage.run();
    let pids = all_three(&mut run);
    stage.server.program.signal(Signal::INT);
    stage
        .server
        .program
        .line("Ctrl-C again does not wait for it");
    assert!(pids.iter().all(|pid| runs(*pid)), "it has time to clean up");
    stage.server.program.signal(Signal::INT);
    assert!(stage.server.program.end().success());
    gone(&pids);
}

#[test]
fn a_vanished_page_ends_its_run() {
    let stage = Stage::new(CLINGING);
    let mut run = stage.run();
    let pids = all_three(&mut run);
    drop(run);
    gone(&pids);
    free(&stage);
}

#[test]
fn a_vanished_page_ends_the_build() {
    let cargo = "case $1 in build) echo $$ > building; mv building built; sleep 1000;; esac";
    let stage = Stage::with("echo never", &[], cargo);
    let run = stage.run();
    let built = until("it builds", || {
        stage
            .repository
            .has("built")
            .then(|| stage.repository.read("built"))
    });
    drop(run);
    gone(&[built.trim().parse().unwrap()]);
    free(&stage);
}

#[test]
fn the_servers_end_ends_all_runs() {
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        let mut stage = Stage::new(CLINGING);
        let mut run = stage.run();
        let pids = all_three(&mut run);
        stage.server.program.signal(signal);
        let ended = stage.server.program.end();
        assert_eq!(
            ended.code(),
            (signal != Signal::KILL).then_some(0),
            "{signal:?}"
        );
        gone(&pids);
    }
}

#[test]
fn the_servers_end_ends_the_build() {
    let cargo = "case $1 in build) trap '' TERM; echo $$ > building; mv building built; sleep 1000; sleep 1000;; esac";
    let mut stage = Stage::with("echo never", &[], cargo);
    let _run = stage.run();
    let built = until("it builds", || {
        stage
            .repository
            .has("built")
            .then(|| stage.repository.read("built"))
    });
    stage.server.program.signal(Signal::KILL);
    stage.server.program.end();
    gone(&[built.trim().parse().unwrap()]);
}

/// The end of a run whose output is not bounded by itself.
fn endless(script: &str) -> (Stage, Vec<Value>) {
    let stage = Stage::new(&format!("echo $$; {script}"));
    let mut run = stage.run();
    let pid: u32 = run.wait("line")["text"].as_str().unwrap().parse().unwrap();
    let news = run.rest();
    assert!(!runs(pid), "it is gone");
    (stage, news)
}

const TOO_MUCH: &str = "Ended while it ran: it printed more than 1024 KiB or 5000 lines.";

#[test]
fn a_gigabyte_without_a_line_is_cut() {
    let (stage, news) = endless("head -c 1000000000 /dev/zero | tr '\\0' x");
    assert_eq!(news.last().unwrap()["said"], TOO_MUCH);
    let told: usize = news
        .iter()
        .map(|it| it["text"].as_str().map_or(0, str::len))
        .sum();
    assert!(told <= 1024 * 1024, "{told} bytes");
    free(&stage);
}

#[test]
fn a_gigabyte_of_lines_is_cut() {
    let (_, news) = endless("yes 'shop  sent o-1' | head -c 1000000000");
    assert_eq!(news.last().unwrap()["said"], TOO_MUCH);
    assert!(news.len() <= 5_001, "{} lines", news.len());
    let (_, news) = endless("yes '' | head -c 1000000000");
    assert_eq!(news.last().unwrap()["said"], TOO_MUCH);
}

#[test]
fn a_gigabyte_on_standard_error_is_cut() {
    let (_, news) = endless("yes error >&2");
    assert_eq!(news.last().unwrap()["said"], TOO_MUCH);
}

#[test]
fn a_build_that_talks_without_end_is_cut() {
    let stage = Stage::with("echo never", &[], "case $1 in build) yes error >&2;; esac");
    let end = stage.run().end();
    assert_eq!(
        end["said"],
        "Ended while it was built: it printed more than 1024 KiB or 5000 lines."
    );
}

#[test]
fn a_listing_that_forks_leaves_nothing() {
    let script = "i=0; while [ $i -lt 50 ]; do i=$((i + 1))
        setsid sh -c 'exec sleep 1000' < /dev/null > /dev/null 2>&1 & echo $!
        sleep 1000 & echo $!; done";
    let stage = Stage::new(script);
    let news = stage.run().rest();
    let lines = news.iter().filter(|it| it["news"] == "line");
    let pids: Vec<u32> = lines
        .map(|it| it["text"].as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(pids.len(), 100);
    assert_eq!(news.last().unwrap()["code"], 0);
    gone(&pids);
}

/// What has left the group and holds the listing's output open does not keep the run open.
#[test]
fn a_daemon_that_holds_the_output_is_not_waited_for() {
    let stage = Stage::new(
        "mkfifo ready; setsid sh -c 'echo $$; echo > ready; exec sleep 1000' & read _ < ready",
    );
    let mut run = stage.run();
    let pid: u32 = run.wait("line")["text"].as_str().unwrap().parse().unwrap();
    assert_eq!(run.end()["code"], 0);
    gone(&[pid]);
}

#[test]
fn a_third_run_at_once_is_refused() {
    let stage = Stage::new("echo up; sleep 1000");
    let mut held = [stage.run(), stage.run()];
    for run in &mut held {
        run.wait("line");
    }
    let refused = stage.post("/-/run", r#"{"listing":"ch01-x"}"#);
    assert_eq!(refused.status, 429);
    assert_eq!(
        refused.body,
        "Two listings run already; stop one, or wait for its end.\n"
    );
    drop(held);
    free(&stage);
}

#[test]
fn of_two_hundred_requests_two_run() {
    let stage = Stage::new("echo $$; sleep 1000");
    let asked = json!({"listing": "ch01-x"});
    let sent: Vec<TcpStream> = (0..200).map(|_| stage.send(&asked)).collect();
    let all: Vec<Run> = sent.into_iter().map(Run::read).collect();
    let of = |status| all.iter().filter(|run| run.status == status).count();
    // Beyond 64 connections a request is told to come again.
    assert_eq!((of(200), of(429) + of(503)), (2, 198));
    assert!(of(429) > 0);
    let mut running: Vec<Run> = all.into_iter().filter(|run| run.status == 200).collect();
    let pids: Vec<u32> = running
        .iter_mut()
        .map(|run| run.wait("line")["text"].as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(
        stage.server.ask("GET /", &[]).status,
        200,
        "the server stays up"
    );
    drop(running);
    gone(&pids);
    free(&stage);
}

#[test]
fn a_silent_listing_is_waited_for() {
    let stage = Stage::new("echo up; until [ -e go ]; do sleep 0.1; done; echo done");
    let mut run = stage.run();
    run.wait("line");
    // Together longer than a client may take no byte and than an idle connection is kept.
    for _ in 0..3 {
        run.sign_of_life();
    }
    stage.repository.write("go", "");
    assert_eq!(run.wait("line")["text"], "done");
    assert_eq!(run.end()["code"], 0);
}
