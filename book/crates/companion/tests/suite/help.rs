//! What each command says of itself.

use crate::common::Repository;
use crate::common::program::{run, stderr, stdout};

#[test]
fn help() {
    let repository = Repository::new();
    for command in [
        "",
        "serve",
        "build",
        "run",
        "grade",
        "watch",
        "hint",
        "reset",
        "progress",
        "soak",
        "up",
        "down",
        "status",
        "refresh",
        "check",
        "accept",
        "bench",
        "bench brokers",
        "bench wire",
        "bench listings",
        "bench exercises",
        "new",
        "new chapter",
    ] {
        let mut arguments: Vec<&str> = command.split_whitespace().collect();
        arguments.push("--help");
        let output = run(&repository, &arguments);
        assert!(output.status.success(), "{command}: {}", stderr(&output));
        let name = format!("help {command}").trim().replace(' ', "-");
        insta::assert_snapshot!(name, stdout(&output));
    }
}

#[test]
fn without_a_command_the_help_is_shown() {
    let output = run(&Repository::new(), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("Usage: cargo book <COMMAND>"));
}

#[test]
fn an_unknown_command_suggests_the_nearest() {
    let output = run(&Repository::new(), &["serv"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("a similar subcommand exists: 'serve'"));
}
