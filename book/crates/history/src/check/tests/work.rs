//! Work, and what a process may have open.
#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn work_that_is_done_twice_is_a_duplicate_effect() {
    let run = || vec![stored(1), did("worker 1", 1, 200)];
    let with = |more: Operation| found(strict(), run().into_iter().chain([more]));
    insta::assert_snapshot!(
        with(did("worker 2", 1, 300)),
        @"duplicate-effect: the work of o-1 for payments was done twice: by worker 1 at 0.200 s and by worker 2 at 0.300 s"
    );
    assert_eq!(with(did("worker 2", 1, 300).unknown()), "");
    assert_eq!(
        with(Operation::effect("email", "email", 1).when(ms(300))),
        ""
    );
    let aborted = did("worker 2", 1, 300).within(7);
    assert_eq!(
        with(aborted),
        "",
        "a transaction without a commit has no effect"
    );
}

#[test]
fn a_commit_comes_after_the_work() {
    let run = [
        stored(1),
        stored(2),
        got("worker 1", 1, 300),
        got("worker 1", 2, 310),
        did("worker 1", 1, 320),
    ];
    let commit = |next, at| Operation::commit("worker 1", "payments", orders(next)).when(ms(at));
    let with = |more: Vec<Operation>| found(strict(), run.iter().cloned().chain(more));
    insta::assert_snapshot!(
        with(vec![commit(3, 330), did("worker 1", 2, 340)]),
        @"commit-before-work: worker 1 committed offset 3 of orders/0 for payments at 0.330 s: past o-2 at offset 2 of orders/0 (worker 1, 0.310 s), before its work was done (worker 1, 0.340 s)"
    );
    insta::assert_snapshot!(
        with(vec![commit(3, 330).unknown()]),
        @"commit-before-work: worker 1 committed offset 3 of orders/0 for payments at 0.330 s: past o-2 at offset 2 of orders/0 (worker 1, 0.310 s), and its work was never done"
    );
    assert_eq!(
        with(vec![
            commit(2, 330),
            did("worker 1", 2, 340),
            commit(3, 350)
        ]),
        ""
    );
    assert_eq!(with(vec![commit(3, 330).failed()]), "");
    let aside = Operation::reject("worker 1", "payments", 2).when(ms(325));
    assert_eq!(with(vec![aside, commit(3, 330)]), "");
    let at_once = |end: Operation| {
        with(vec![
            did("worker 1", 2, 330).within(1),
            commit(3, 340).within(1),
            end.when(ms(350)),
        ])
    };
    assert_eq!(at_once(Operation::commit_transaction("worker 1", 1)), "");
    assert_eq!(at_once(Operation::abort_transaction("worker 1", 1)), "");
    let outside = vec![
        did("worker 1", 2, 330).within(1),
        commit(3, 340),
        Operation::commit_transaction("worker 1", 1).when(ms(350)),
    ];
    insta::assert_snapshot!(
        with(outside),
        @"commit-before-work: worker 1 committed offset 3 of orders/0 for payments at 0.340 s: past o-2 at offset 2 of orders/0 (worker 1, 0.310 s), before its work was done (worker 1, 0.350 s)"
    );
}

#[test]
fn an_acknowledgement_comes_after_the_work() {
    let run = [confirmed(1, 100), delivered("worker 1", 1, 3, 200)];
    let with = |more: Vec<Operation>| found(strict(), run.iter().cloned().chain(more));
    insta::assert_snapshot!(
        with(vec![acked("worker 1", 1, 3, 210), did("worker 1", 1, 220)]),
        @"ack-before-work: worker 1 acknowledged o-1 with delivery tag 3 of payments at 0.210 s, before its work was done (worker 1, 0.220 s)"
    );
    insta::assert_snapshot!(
        with(vec![acked("worker 1", 1, 3, 210)]),
        @"ack-before-work: worker 1 acknowledged o-1 with delivery tag 3 of payments at 0.210 s, and its work was never done"
    );
    assert_eq!(
        with(vec![did("worker 1", 1, 205), acked("worker 1", 1, 3, 210)]),
        ""
    );
    let done_before = [
        did("worker 1", 1, 205),
        delivered("worker 2", 1, 1, 300).redelivered(),
        acked("worker 2", 1, 1, 310),
    ];
    assert_eq!(
        with(done_before.to_vec()),
        "",
        "an inbox acknowledges what another has done"
    );
    let unanswered = did("worker 1", 1, 205).unknown();
    assert!(with(vec![unanswered, acked("worker 1", 1, 3, 210)]).starts_with("ack-before-work"));
}

#[test]
fn a_consumer_holds_no_more_than_the_bound() {
    let give = |more: Vec<Operation>| {
        let sent = (1..=4).map(|message| confirmed(message, 100));
        let held = (1..=2u32).map(|message| {
            delivered(
                "worker 1",
                message,
                message.into(),
                200 + u64::from(message),
            )
        });
        sent.chain(held).chain(more).collect::<Vec<_>>()
    };
    let third = || delivered("worker 1", 3, 3, 300);
    let bound = || strict().in_flight(2);
    insta::assert_snapshot!(
        found(bound(), give(vec![third()])),
        @"unbounded-in-flight: worker 1 held 3 messages of payments at once when it got o-3 with delivery tag 3 of payments at 0.300 s, and 2 were allowed"
    );
    assert_eq!(
        found(strict(), give(vec![third()])),
        "",
        "no bound is declared"
    );
    let nack = Operation::nack("worker 1", "payments", 2).when(ms(300));
    assert_eq!(found(bound(), give(vec![third(), nack])), "");
    let again = [Operation::close("worker 1", 1).when(ms(250)), third()];
    assert_eq!(found(bound(), give(again.to_vec())), "");
    assert_eq!(
        found(bound(), give(vec![delivered("worker 2", 3, 1, 300)])),
        ""
    );
    let again = delivered("worker 1", 2, 3, 300).redelivered();
    assert_eq!(
        found(bound(), give(vec![again])),
        "",
        "it holds two messages, one of them for the second time"
    );
    let elsewhere = vec![
        delivered("worker 2", 2, 1, 300).redelivered(),
        delivered("worker 1", 3, 3, 310),
    ];
    assert_eq!(found(bound(), give(elsewhere)), "");
    let automatic = Operation::ack("worker 1", "payments", 3).when(ms(300));
    let unacknowledged = strict().allow([AnomalyName::AckBeforeWork]).in_flight(2);
    assert_eq!(
        found(unacknowledged, give(vec![third(), automatic])),
        "",
        "what is settled when it comes is not held"
    );
}

#[test]
fn a_connection_is_closed() {
    let open = |connection, at| Operation::open("shop", connection).when(ms(at));
    let close = |connection, at| Operation::close("shop", connection).when(ms(at));
    insta::assert_snapshot!(
        found(strict(), [open(1, 100), open(2, 200), close(1, 300)]),
        @"leaked-connection: shop opened connection 2 at 0.200 s, and did not close it"
    );
    let run = [
        open(1, 100),
        open(2, 200),
        close(1, 300),
        open(3, 400),
        close(2, 500),
        close(3, 500),
    ];
    assert_eq!(found(strict().connections(2), run.clone()), "");
    insta::assert_snapshot!(found(strict().connections(1), run), @"
    leaked-connection: shop opened connection 2 at 0.200 s beside 1 that it had open, and 1 in all were allowed
    leaked-connection: shop opened connection 3 at 0.400 s beside 1 that it had open, and 1 in all were allowed
    ");
}
