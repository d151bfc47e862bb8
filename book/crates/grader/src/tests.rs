//! Programs that misbehave, and faults that do not strike.
#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use brokers::leftovers;
use tempfile::TempDir;

use crate::guess::predicted;
use crate::settings::{Faults, Settings};
use crate::{Case, Report, Verdict, judged};

/// How long a program has that does not end, whatever it comes to.
const SHORT: Duration = Duration::from_secs(3);
/// How long one has that must do something before it does not end, on a busy machine as well.
const LATER: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(60);

/// A shell script as a learner's program. It lies in a folder that ends with the value.
fn scripted(script: &str, faults: Faults) -> (TempDir, Settings) {
    let folder = TempDir::new().unwrap();
    let program = folder.path().join("program");
    // A shell writes it: a file that a child of this process holds open cannot be run.
    let write = r#"printf '#!/bin/sh\n%s\n' "$2" > "$1" && chmod 755 "$1""#;
    let mut shell = Command::new("sh");
    shell.args(["-c", write, "sh"]).arg(&program).arg(script);
    assert!(shell.status().unwrap().success());
    let settings = Settings {
        exercise: "ex00-script".into(),
        program,
        own: false,
        seed: 0,
        faults,
        variant: None,
        guesses: Vec::new(),
        report: None,
    };
    (folder, settings)
}

/// Grades a shell script by a story.
async fn grade(script: &str, faults: Faults, story: impl AsyncFn(&Case) -> Result<()>) -> Report {
    let (_folder, settings) = scripted(script, faults);
    judged(settings, &story).await.unwrap().unwrap()
}

/// Lets it end by itself.
async fn to_its_end(case: &Case) -> Result<()> {
    ended_within(case, PATIENCE).await
}

async fn ended_within(case: &Case, limit: Duration) -> Result<()> {
    let mut program = case.program("orders").limit(limit).start().await?;
    program.give(["o-1"]).await;
    program.ended().await;
    Ok(())
}

/// Waits until a process that a script has named is gone or dead.
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
async fn a_program_that_ends_well_is_passed() {
    let report = grade("read order; test $order = o-1", Faults::On, to_its_end).await;
    assert_eq!(report.verdict, Verdict::Passed, "{:?}", report.why);
}

#[tokio::test]
async fn a_program_that_hangs_is_ended_with_what_it_has_started() {
    let script = "sleep 1000 & echo $!; sleep 1000";
    let story = async |case: &Case| ended_within(case, LATER).await;
    let report = grade(script, Faults::On, story).await;
    assert_eq!(report.verdict, Verdict::Hangs, "{:?}", report.why);
    assert_eq!(report.why, ["orders still ran after 15 s and was killed"]);
    gone(&report.said[0]).await;
}

#[tokio::test]
async fn a_program_that_takes_no_input_does_not_hold_the_story() {
    let report = grade("sleep 1000", Faults::On, async |case: &Case| {
        let mut program = case.program("orders").limit(SHORT).start().await?;
        program.give(std::iter::repeat_n("o-1", 1 << 20)).await;
        program.ended().await;
        Ok(())
    });
    assert_eq!(report.await.verdict, Verdict::Hangs);
}

#[tokio::test]
async fn a_program_that_prints_without_end_is_ended() {
    for script in ["yes", "yes >&2", "exec cat /dev/zero"] {
        let report = grade(script, Faults::On, async |case: &Case| {
            case.program("orders").start().await?.ended().await;
            Ok(())
        });
        let report = report.await;
        assert_eq!(report.verdict, Verdict::EndlessOutput, "{script}");
        assert!(report.text(None).len() < 10_000);
    }
}

#[tokio::test]
async fn a_panic_and_a_todo_are_told_apart() {
    let panic =
        "echo \"thread 'main' (7) panicked at src/main.rs:9:5:\" >&2; echo \"$1\" >&2; exit 101";
    let script = |words: &str| format!("set -- '{words}'\n{panic}");
    let report = grade(&script("no servers"), Faults::On, to_its_end).await;
    assert_eq!(report.verdict, Verdict::Panicked);
    assert_eq!(report.why, ["orders panicked: no servers"]);
    let todo = script("not yet implemented: publish");
    let report = grade(&todo, Faults::On, to_its_end).await;
    assert_eq!(report.verdict, Verdict::NotAttempted);
}

#[tokio::test]
async fn an_exit_code_and_a_signal_are_told() {
    let report = grade("echo no topic >&2; exit 3", Faults::On, to_its_end).await;
    assert_eq!(report.verdict, Verdict::Exited);
    assert_eq!(report.why, ["orders ended with exit code 3"]);
    assert!(report.text(None).contains("| no topic"));
    let hinted = report.text(Some("When?\nAnd where?"));
    assert!(
        hinted.contains("Hint 1 of 3:\n  When?\n  And where?\n"),
        "{hinted}"
    );
    let report = grade("kill -SEGV $$", Faults::On, to_its_end).await;
    assert_eq!(report.why, ["orders was ended by signal 11"]);
}

#[tokio::test]
async fn what_leaves_the_process_group_is_found_and_ended() {
    // It ends once the daemon has said its number, so that there is one.
    let script =
        "mkfifo ready; setsid sh -c 'echo $$; echo > ready; exec sleep 1000' & read _ < ready";
    let report = grade(script, Faults::On, to_its_end).await;
    assert_eq!(report.verdict, Verdict::LeftProcesses, "{:?}", report.why);
    let pid = &report.said[0];
    assert!(report.why[0].contains(pid), "{:?}", report.why);
    gone(pid).await;
}

#[tokio::test]
async fn a_killed_program_leaves_nothing_and_is_no_failure() {
    let script = "setsid sleep 1000 & echo $! > pid; mv pid started; sleep 1000";
    let report = grade(script, Faults::On, async |case: &Case| {
        let mut program = case.program("orders").start().await?;
        while !case.file("started").exists() {
            // poll: a shell tells nobody what it has written
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        program.kill().await;
        let pid = std::fs::read_to_string(case.file("started"))?;
        assert!(
            !leftovers::marked(&case.mark(), None)
                .iter()
                .any(|it| it.pid.to_string() == pid.trim())
        );
        Ok(())
    });
    assert_eq!(report.await.verdict, Verdict::Passed);
}

#[tokio::test]
async fn a_program_that_is_asked_to_end_may_refuse_only_to_its_limit() {
    let report = grade(
        "trap '' TERM; echo > deaf; while :; do sleep 1; done",
        Faults::On,
        async |case: &Case| {
            let mut program = case.program("orders").limit(SHORT).start().await?;
            while !case.file("deaf").exists() {
                // poll: a shell tells nobody what it has written
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            program.terminate().await;
            Ok(())
        },
    );
    assert_eq!(report.await.verdict, Verdict::Hangs);
}

#[tokio::test]
async fn who_waits_for_a_program_hears_of_its_end() {
    let report = grade("exit 0", Faults::On, async |case: &Case| {
        let mut program = case.program("orders").start().await?;
        if !program.reaches(std::future::pending::<()>()).await {
            case.refuse("lost-message", "o-1 never came");
        }
        Ok(())
    });
    assert_eq!(report.await.verdict.name(), "lost-message");
}

#[tokio::test]
async fn a_story_that_cannot_be_told_is_inconclusive() {
    let story = async |_: &Case| -> Result<()> { bail!("there is no broker") };
    let report = grade("exit 0", Faults::On, story).await;
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert_eq!(
        report.why,
        ["the program could not be graded: there is no broker"]
    );
}

#[tokio::test]
async fn a_fault_needs_both_witnesses() {
    for (outside, inside, verdict) in [
        (true, true, Verdict::Passed),
        (true, false, Verdict::Inconclusive),
        (false, true, Verdict::Inconclusive),
        (false, false, Verdict::Inconclusive),
    ] {
        let story = async |case: &Case| {
            let fault = case.fault("the connection breaks");
            assert!(fault.on());
            fault.outside(outside);
            fault.inside(inside);
            Ok(())
        };
        let report = grade("exit 0", Faults::On, story).await;
        assert_eq!(report.verdict, verdict, "{outside} {inside}");
        // Who asks for no fault needs no witness.
        let story = async |case: &Case| {
            assert!(!case.fault("the connection breaks").on());
            Ok(())
        };
        let report = grade("exit 0", Faults::Off, story).await;
        assert_eq!(report.verdict, Verdict::Passed);
    }
}

#[tokio::test]
async fn a_fault_that_is_left_out_is_asked_for_all_the_same() {
    let story = async |case: &Case| {
        for what in ["one", "two", "three"] {
            let fault = case.fault(what);
            fault.outside(fault.on());
            fault.inside(fault.on());
        }
        Ok(())
    };
    let report = grade("exit 0", Faults::Skip(2), story).await;
    assert_eq!(report.why, ["the fault `two`: it has not struck"]);
    assert_eq!(report.faults.len(), 3);
}

#[tokio::test]
async fn a_fault_without_a_place_is_told_and_keeps_its_number() {
    let story = async |case: &Case| {
        for what in ["one", "two", "three"] {
            let fault = case.fault(what);
            if fault.on() && what == "two" {
                fault.has_no_place("orders", "writes nothing beside its orders");
            } else {
                fault.outside(fault.on());
                fault.inside(fault.on());
            }
        }
        Ok(())
    };
    let report = grade("exit 0", Faults::On, story).await;
    assert_eq!(report.verdict, Verdict::Passed, "{:?}", report.why);
    assert_eq!(report.placeless, [2]);
    let text = report.text(None);
    assert!(text.contains("orders  writes nothing beside"), "{text}");
    // The one behind it is the third.
    let report = grade("exit 0", Faults::Skip(3), story).await;
    assert_eq!(report.why, ["the fault `three`: it has not struck"]);
    // Who leaves it out has not looked whether it has a place.
    let report = grade("exit 0", Faults::Skip(2), story).await;
    assert_eq!(report.why, ["the fault `two`: it has not struck"]);
}

#[tokio::test]
async fn what_is_left_to_do_is_done_after_trouble_as_well() {
    let (done, mut was_done) = tokio::sync::watch::channel(false);
    let report = grade("sleep 1000", Faults::On, async |case: &Case| {
        let done = done.clone();
        case.finally(async move {
            done.send_replace(true);
            Ok(())
        });
        ended_within(case, SHORT).await
    });
    assert_eq!(report.await.verdict, Verdict::Hangs);
    assert!(*was_done.borrow_and_update());
}

#[tokio::test]
async fn each_message_is_wanted_once() {
    let story = async |case: &Case| {
        let found = [
            (1, "offset 0"),
            (3, "offset 1"),
            (3, "offset 2"),
            (9, "offset 3"),
        ];
        let found = found.map(|(order, at)| (order, at.to_owned()));
        case.each_once("the topic", 1..=3, found);
        Ok(())
    };
    let report = grade("exit 0", Faults::Off, story).await;
    let strip = report.strip.to_string();
    assert!(strip.starts_with("fate  o-1 ●D  o-2 ✕L  o-3 ◆2"), "{strip}");
    assert_eq!(report.verdict.name(), "phantom");
    assert_eq!(
        report.why,
        ["the topic has o-9 at offset 3, which nobody ordered"]
    );
}

#[tokio::test]
async fn a_message_may_be_there_twice_where_the_story_says_so() {
    let story = async |case: &Case| {
        let found = [1, 2, 2].map(|order| (order, "the queue".to_owned()));
        case.each_at_least_once("the queue", 1..=case.vary(2, 2..=2), found);
        Ok(())
    };
    assert_eq!(
        grade("exit 0", Faults::Off, story).await.verdict,
        Verdict::Passed
    );
    let story = async |case: &Case| {
        let found = [2, 2].map(|order| (order, "the queue".to_owned()));
        case.each_at_least_once("the queue", 1..=2, found);
        Ok(())
    };
    let report = grade("exit 0", Faults::Off, story).await;
    assert_eq!(report.why, ["o-1 is not in the queue"]);
}

#[tokio::test]
async fn predictions_are_compared_with_what_comes_of_each_variant() {
    let (_folder, mut settings) = scripted("test \"$1\" = early", Faults::On);
    let beliefs = [("early", "It is late"), ("late", "It is early")];
    let beliefs = beliefs.map(|(variant, says)| (variant.to_owned(), says.to_owned()));
    let beliefs = std::collections::BTreeMap::from(beliefs);
    for (guesses, verdict, why) in [
        (
            &[][..],
            "not-attempted",
            "what becomes of early? Add --guess early=VERDICT",
        ),
        (
            &[("early", "passed")],
            "not-attempted",
            "what becomes of late? Add --guess late=VERDICT",
        ),
        (&[("early", "passed"), ("late", "exited")], "passed", ""),
        (
            &[("early", "hangs"), ("late", "exited")],
            "misjudged",
            "you say that early is hangs, and it is passed. Who says so believes: It is late",
        ),
        // The last word counts.
        (
            &[("early", "hangs"), ("late", "exited"), ("early", "passed")],
            "passed",
            "",
        ),
    ] {
        let guesses = guesses.iter();
        settings.guesses = guesses
            .map(|(of, is)| ((*of).to_owned(), (*is).to_owned()))
            .collect();
        let report = predicted(&settings, &beliefs, to_its_end, |_| {})
            .await
            .unwrap()
            .unwrap();
        assert_eq!(report.verdict.name(), verdict);
        assert_eq!(report.why.first().map_or("", String::as_str), why);
    }
    settings.guesses = vec![("never".into(), "passed".into())];
    let error = predicted(&settings, &beliefs, to_its_end, |_| {}).await;
    let error = error.err().unwrap().to_string();
    assert_eq!(error, "there is no `never` to guess; there is early, late");
}

#[tokio::test]
async fn who_never_connects_is_told_from_who_hangs() {
    let connects = "exec bash -c 'url=${NATS_URL#nats://}; exec 3<>/dev/tcp/${url%:*}/${url#*:}; \
                    echo connected; sleep 1000'";
    for (script, limit, verdict) in [
        ("sleep 1000", SHORT, Verdict::NeverConnected),
        (connects, LATER, Verdict::Hangs),
    ] {
        let report = grade(script, Faults::On, async |case: &Case| {
            let nats = case.private(brokers::Kind::Nats).await?;
            let wire = case.wire(&nats).await?;
            let program = case.program("orders").broker(&nats, wire.url());
            program.limit(limit).start().await?.ended().await;
            Ok(())
        });
        let report = report.await;
        assert_eq!(report.verdict, verdict, "{:?}", report.said);
    }
}

#[tokio::test]
async fn a_cut_is_in_the_report_and_needs_a_program_that_comes_again() {
    let first = r"exec 3<>/dev/tcp/${url%:*}/${url#*:}
        printf 'CONNECT {}\r\nSUB order.created 1\r\n' >&3
        cat <&3 > /dev/null";
    let second = r"exec 3<>/dev/tcp/${url%:*}/${url#*:}
        printf 'CONNECT {}\r\nPING\r\n' >&3
        grep -m 1 PONG <&3";
    for (then, verdict) in [("", Verdict::Inconclusive), (second, Verdict::Passed)] {
        let script = format!("bash <<'END'\nurl=${{NATS_URL#nats://}}\n{first}\n{then}\nEND");
        let report = grade(&script, Faults::On, async |case: &Case| {
            let nats = case.private(brokers::Kind::Nats).await?;
            let wire = case.wire(&nats).await?;
            let fault = case.fault("the connection breaks at a subscription");
            wire.on(wire::nats::SUB, 1, wire::Act::Cut);
            let program = case.program("orders").broker(&nats, wire.url());
            program.start().await?.ended().await;
            fault.cut(&wire, wire::nats::SUB);
            Ok(())
        });
        let report = report.await;
        assert_eq!(report.verdict, verdict, "{:?}", report.why);
        assert!(
            report
                .text(None)
                .contains("ends the connection in place of: SUB")
        );
    }
}

#[tokio::test]
async fn what_the_checker_finds_is_refused_under_its_name() {
    use history::{Expect, History, Operation, Place};
    let published = |order| {
        let there = Place::offset("orders", 0, u64::from(order));
        Operation::publish("orders", order)
            .at(there)
            .when(Duration::from_millis(7))
    };
    let story = async |case: &Case| {
        let mut history = History::new(Expect::exactly_once());
        history.extend([published(1), published(2)]);
        let there = Place::offset("orders", 0, 1);
        let late = Duration::from_millis(90);
        history.push(Operation::held("grader", 1, there).when(late));
        history.push(Operation::listed("grader", "orders").when(late));
        case.check(&history);
        Ok(())
    };
    let report = grade("exit 0", Faults::Off, story).await;
    assert_eq!(report.verdict.name(), "lost-message");
    assert_eq!(report.why.len(), 1);
    assert!(report.why[0].starts_with("o-2 "), "{:?}", report.why);
    assert_eq!(report.about, Some(2));
}
