//! What readers saw.
#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn a_message_that_nobody_has_published_is_a_phantom() {
    insta::assert_snapshot!(
        found(strict(), [got("worker 1", 9, 400)]),
        @"phantom: worker 1 got o-9 at offset 9 of orders/0 at 0.400 s, and nobody has published it"
    );
    insta::assert_snapshot!(
        found(strict(), [confirmed(9, 100).failed(), did("worker 1", 9, 400)]),
        @"phantom: worker 1 did the work of o-9 at 0.400 s, and its publication has failed (shop, 0.100 s)"
    );
    insta::assert_snapshot!(
        found(strict(), [confirmed(9, 500), delivered("worker 1", 9, 1, 400)]),
        @"phantom: worker 1 got o-9 with delivery tag 1 of payments at 0.400 s, before it was published at 0.500 s"
    );
    let unanswered = Operation::publish("shop", 9).when(ms(100)).unknown();
    assert_eq!(found(strict(), [unanswered, got("worker 1", 9, 400)]), "");
}

#[test]
fn a_message_of_an_aborted_transaction_is_an_aborted_read() {
    let within = || stored(1).within(4);
    let read = || got("worker 1", 1, 400);
    let abort = || Operation::abort_transaction("shop", 4).when(ms(300));
    let commit = |at| Operation::commit_transaction("shop", 4).when(ms(at));
    insta::assert_snapshot!(
        found(strict(), [within(), abort(), read()]),
        @"aborted-read: worker 1 got o-1 at offset 1 of orders/0 at 0.400 s, and its transaction 4 was aborted (shop, 0.300 s)"
    );
    insta::assert_snapshot!(
        found(strict(), [within(), read()]),
        @"aborted-read: worker 1 got o-1 at offset 1 of orders/0 at 0.400 s, and its transaction 4 was never committed"
    );
    insta::assert_snapshot!(
        found(strict(), [within(), read(), commit(450)]),
        @"aborted-read: worker 1 got o-1 at offset 1 of orders/0 at 0.400 s, and its transaction 4 was to be committed only at 0.450 s"
    );
    assert_eq!(found(strict(), [within(), commit(300), read()]), "");
    assert_eq!(
        found(strict(), [within(), commit(300).unknown(), read()]),
        ""
    );
    insta::assert_snapshot!(
        found(strict(), [within(), commit(200).unknown(), abort(), read()]),
        @"aborted-read: worker 1 got o-1 at offset 1 of orders/0 at 0.400 s, and its transaction 4 was aborted (shop, 0.300 s)"
    );
    let uncommitted = strict().allow([AnomalyName::AbortedRead]);
    assert_eq!(found(uncommitted, [within(), abort(), read()]), "");
    let retried = Operation::publish("shop", 1)
        .within(5)
        .at(orders(3))
        .when(ms(350));
    let commit = Operation::commit_transaction("shop", 5).when(ms(360));
    let run = [within(), abort(), retried, commit];
    let there = got("worker 1", 1, 400).at(orders(3));
    assert_eq!(found(strict(), run.iter().cloned().chain([there])), "");
    let names: Vec<AnomalyName> = check(&history(strict(), run.into_iter().chain([read()])))
        .iter()
        .map(|anomaly| anomaly.name)
        .collect();
    assert_eq!(names, [AnomalyName::AbortedRead]);
}

#[test]
fn a_read_is_not_older_than_what_was_known_before_it() {
    let bucket = |sequence| Place::sequence("KV_orders", sequence);
    let wrote =
        |sequence: u64, at: u64| Operation::write("orders", "c-1", bucket(sequence)).when(ms(at));
    let read = |sequence, from, to| {
        Operation::read("email", "c-1", bucket(sequence)).during(ms(from), ms(to))
    };
    let run = [wrote(1, 100), wrote(2, 200)];
    let with = |more: Vec<Operation>| found(strict(), run.iter().cloned().chain(more));
    insta::assert_snapshot!(
        with(vec![read(1, 300, 310)]),
        @"stale-read: email read c-1 and got sequence 1 at 0.310 s, though sequence 2 of KV_orders (orders, 0.200 s) was known before"
    );
    insta::assert_snapshot!(
        with(vec![read(0, 300, 310)]),
        @"stale-read: email read c-1 and got nothing at 0.310 s, though sequence 2 of KV_orders (orders, 0.200 s) was known before"
    );
    assert_eq!(
        with(vec![read(1, 190, 310)]),
        "",
        "it began before the second write was answered"
    );
    let unanswered = wrote(3, 250).unknown();
    assert_eq!(with(vec![unanswered.clone(), read(2, 300, 310)]), "");
    insta::assert_snapshot!(
        with(vec![unanswered, read(3, 300, 310), read(2, 320, 330)]),
        @"stale-read: email read c-1 and got sequence 2 at 0.330 s, though sequence 3 of KV_orders (email, 0.310 s) was known before"
    );
}
