//! Nothing outlives its owner: not after its normal end, Ctrl-C, SIGTERM or a panic, and not after
//! `kill -9` at any moment of a start.

use std::io::Write;
use std::process::Command;
use std::time::Duration;

use crate::support::{Held, assert_nothing_left, ended_by, hold, processes};
use rustix::process::Signal;

fn held(words: &[&str]) -> Held {
    let mut command = hold();
    if brokers::outlives_its_terminal() {
        // These tests are, and what they start would be.
        let mut as_in_a_terminal = Command::new("/usr/bin/env");
        as_in_a_terminal.arg("--default-signal=HUP");
        as_in_a_terminal.arg(command.get_program());
        command = as_in_a_terminal;
    }
    command.args(words).env("BROKERS", "native");
    Held::start(command)
}

/// The broker runs, its owner gets a signal, and nothing is left.
fn ends_with_its_owner(kind: &str, signal: Signal) {
    let mut held = held(&[kind]);
    let (_, pid) = held.ready();
    let running = processes(held.folder.path());
    assert!(
        running.len() >= 3,
        "owner, guard and broker run: {running:?}"
    );
    assert!(
        std::path::Path::new(&format!("/proc/{pid}")).exists(),
        "the broker's pid is {pid}"
    );
    held.signal(signal);
    let status = held.wait();
    if signal == Signal::KILL {
        assert!(ended_by(status, Signal::KILL), "{status}");
    } else {
        assert!(status.success(), "{status}");
        assert_eq!(held.line(), "stopped");
    }
    assert_nothing_left(held.folder.path());
}

#[test]
fn nats_ends_with_its_owner() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::KILL] {
        ends_with_its_owner("nats", signal);
    }
}

#[test]
fn who_is_started_by_nohup_outlives_its_terminal() {
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' HUP; exec \"$0\" nats"])
        .arg(hold().get_program())
        .env("BROKERS", "native");
    let mut held = Held::start(command);
    held.ready();
    held.signal(Signal::HUP);
    for word in ["pause", "resume", "pause", "resume"] {
        let input = held.child.stdin.as_mut().unwrap();
        writeln!(input, "{word}").unwrap();
        assert_eq!(held.line(), "done");
    }
    held.signal(Signal::TERM);
    assert!(held.wait().success());
    assert_nothing_left(held.folder.path());
}

#[test]
fn rabbitmq_ends_with_its_owner() {
    for signal in [Signal::TERM, Signal::KILL] {
        ends_with_its_owner("rabbitmq", signal);
    }
}

#[test]
fn kafka_ends_with_its_owner() {
    for signal in [Signal::TERM, Signal::KILL] {
        ends_with_its_owner("kafka", signal);
    }
}

#[test]
fn a_panic_leaves_nothing() {
    let mut held = held(&["nats", "--panic"]);
    held.ready();
    assert_eq!(held.wait().code(), Some(101));
    assert_nothing_left(held.folder.path());
}

/// `kill -9` strikes the owner `steps` times, each time a little later in a start.
fn killed_while_it_starts(kind: &str, steps: u32, step: Duration) {
    for number in 0..steps {
        let mut held = held(&[kind]);
        // The schedule of the fault, not a wait for anything.
        std::thread::sleep(step * number);
        held.signal(Signal::KILL);
        assert!(
            ended_by(held.wait(), Signal::KILL),
            "it was still holding its broker"
        );
        assert_nothing_left(held.folder.path());
    }
}

#[test]
fn nats_killed_at_any_moment_of_a_start() {
    killed_while_it_starts("nats", 15, Duration::from_millis(4));
}

#[test]
fn rabbitmq_killed_at_any_moment_of_a_start() {
    killed_while_it_starts("rabbitmq", 8, Duration::from_millis(450));
}

#[test]
fn kafka_killed_at_any_moment_of_a_start() {
    killed_while_it_starts("kafka", 8, Duration::from_millis(250));
}
