//! How much a grading that a page has started may take, and what is left of it: nothing.

use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::json;

use crate::common::exercise::{script, served, with_exercise};
use crate::common::page::{Run, Stage};
use crate::common::program::{runs, until};

/// A page of an exercise with this grader.
fn graded_by(grader: &str) -> Stage {
    let repository = with_exercise("ex03-once");
    script(&repository, "grader.sh", grader);
    served(repository)
}

fn grade(stage: &Stage) -> Run {
    Run::read(stage.send_to("/-/solve/grade", &json!({"exercise": "ex03-once"})))
}

/// The number of the process that a grading tells next.
fn pid(graded: &mut Run) -> u32 {
    graded.wait("line")["text"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// Starts another process, in a group of its own where there is `setsid`, and says both numbers.
const FORKS: &str =
    "setsid sh -c 'echo $$; exec sleep 1000' &\nsleep 1000 & echo $!; echo $$; wait";

#[test]
fn of_many_gradings_at_once_one_is_served() {
    let stage = graded_by("echo $$; until [ -e gate ]; do sleep 0.01; done; exit 1");
    let mut first = grade(&stage);
    pid(&mut first);
    let asked = json!({"exercise": "ex03-once"});
    let sent: Vec<TcpStream> = (0..200)
        .map(|_| stage.send_to("/-/solve/grade", &asked))
        .collect();
    let statuses: Vec<u16> = sent.into_iter().map(|it| Run::read(it).status).collect();
    // Beyond so many connections there is not even that answer.
    let refused = |status: &&u16| [429, 503].contains(*status);
    assert_eq!(statuses.iter().filter(refused).count(), 200, "{statuses:?}");
    assert!(statuses.contains(&429));
    let told = stage.post("/-/solve/grade", &asked.to_string()).body;
    assert_eq!(
        told,
        "Another answer is being graded; stop that, or wait for its end.\n"
    );
    stage.repository.write("gate", "");
    first.end();
    assert_eq!(grade(&stage).status, 200, "the place is free again");
}

#[test]
fn what_prints_without_end_is_ended() {
    let stage = graded_by("yes 'spam spam spam'");
    let end = grade(&stage).end();
    let said = "Ended while it was graded: it printed more than 1024 KiB or 5000 lines.";
    assert_eq!(end["said"], said);
    assert_eq!(grade(&stage).end()["said"], said);
}

#[test]
fn a_page_that_goes_takes_its_grading_with_it() {
    let stage = graded_by(FORKS);
    let mut graded = grade(&stage);
    let pids = [pid(&mut graded), pid(&mut graded), pid(&mut graded)];
    drop(graded);
    until("all are gone", || {
        (!pids.into_iter().any(runs)).then_some(())
    });
    until("the place is free again", || {
        (grade(&stage).status == 200).then_some(())
    });
}

#[test]
fn a_killed_server_leaves_no_grading() {
    let mut stage = graded_by(FORKS);
    let mut graded = grade(&stage);
    let pids = [pid(&mut graded), pid(&mut graded), pid(&mut graded)];
    assert!(pids.into_iter().all(runs));
    stage.server.program.signal(Signal::KILL);
    stage.server.program.end();
    until("all are gone", || {
        (!pids.into_iter().any(runs)).then_some(())
    });
}

#[test]
fn ctrl_c_leaves_no_grading() {
    let mut stage = graded_by(FORKS);
    let mut graded = grade(&stage);
    let pids = [pid(&mut graded), pid(&mut graded), pid(&mut graded)];
    stage.server.program.signal(Signal::INT);
    assert!(stage.server.program.end().success());
    until("all are gone", || {
        (!pids.into_iter().any(runs)).then_some(())
    });
}

#[test]
fn with_the_server_a_grader_leaves_the_brokers_as_they_were() {
    let mut stage = graded_by(
        "trap 'echo it cleans up; echo > cleaned; exit 130' TERM; echo $$; while :; do sleep 0.1; done",
    );
    let mut graded = grade(&stage);
    pid(&mut graded);
    stage.server.program.signal(Signal::INT);
    assert!(stage.server.program.end().success());
    assert!(stage.repository.has("cleaned"));
}

/// It has some time to leave the brokers as they were, and no more.
#[test]
fn a_grader_that_does_not_end_when_it_is_asked_to_is_ended() {
    let stage = graded_by("trap '' TERM; echo $$; while :; do sleep 1; done");
    let mut graded = grade(&stage);
    let begun = graded.next().unwrap();
    let grader = pid(&mut graded);
    let stop = json!({"grading": begun["grading"]}).to_string();
    assert_eq!(stage.post("/-/solve/stop", &stop).status, 200);
    assert_eq!(graded.end()["said"], "Stopped while it was graded.");
    assert!(!runs(grader));
}

#[test]
fn what_a_grader_leaves_is_ended() {
    let stage = graded_by("setsid sh -c 'echo $$; exec sleep 1000' & sleep 0.01; exit 0");
    let mut graded = grade(&stage);
    let left = pid(&mut graded);
    graded.end();
    until("it is gone", || (!runs(left)).then_some(()));
}
