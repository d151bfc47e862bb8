//! What the broker stored.
#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn a_message_that_its_log_no_longer_holds_is_lost() {
    let listed = [
        Operation::held("grader", 1, orders(1)).when(ms(900)),
        Operation::listed("grader", "orders").when(ms(900)),
    ];
    let ends = |more: Vec<Operation>| {
        let all = [stored(1), stored(2)].into_iter().chain(listed.clone());
        found(strict(), all.chain(more))
    };
    insta::assert_snapshot!(
        ends(vec![]),
        @"lost-write: o-2 was stored at offset 2 of orders/0 (shop, 0.200 s); orders holds it no more, and nobody has settled it"
    );
    // Settled messages may go: a stream with work-queue retention removes them.
    let settled = vec![
        did("worker 1", 2, 400),
        Operation::ack("worker 1", "payments", 2).when(ms(500)),
    ];
    assert_eq!(ends(settled), "");
    // What was stored after the record was read is not missing from it.
    let late = Operation::publish("shop", 3).at(orders(3)).when(ms(950));
    assert!(!ends(vec![late]).contains("o-3"));
}

#[test]
fn a_message_may_go_once_all_who_must_have_it_have_settled_it() {
    let store = |message, stream: &str, at| {
        let stored = Operation::publish("shop", message).at(Place::sequence(stream, 1));
        stored.when(ms(at))
    };
    let settle = |process: &str, group: &str, message, stream: &str, at| {
        let place = || Place::sequence(stream, 1);
        [
            Operation::receive(process, group, message)
                .at(place())
                .when(ms(at)),
            Operation::effect(process, group, message).when(ms(at + 10)),
            Operation::ack(process, group, message)
                .at(place())
                .when(ms(at + 20)),
        ]
    };
    let listed = Operation::listed("grader", "ORDERS").when(ms(900));
    let all = [
        vec![store(1, "ORDERS", 100), store(2, "MAILS", 110)],
        settle("worker", "payments", 1, "ORDERS", 200).to_vec(),
        settle("mailer", "email", 2, "MAILS", 230).to_vec(),
        vec![listed],
    ]
    .concat();
    assert_eq!(
        found(strict(), all.clone()),
        "",
        "nobody says that the mailer must have it"
    );
    let both = found(strict().groups(["payments", "email"]), all);
    let lost = "lost-write: o-1 was stored at sequence 1 of ORDERS (shop, 0.100 s); ORDERS holds it no \
                more, and email has not settled it";
    assert!(both.lines().any(|line| line == lost), "{both}");
}

#[test]
fn a_message_that_a_group_has_read_past_is_lost_where_nobody_looked_into_the_log() {
    let run = [stored(1), stored(2), stored(3), got("worker 1", 1, 400)];
    let reads_on = Operation::assign("worker 1", "payments", orders(3)).when(ms(450));
    let run = run.into_iter().chain([reads_on, got("worker 1", 3, 500)]);
    insta::assert_snapshot!(
        found(strict().groups(["payments"]), run),
        @"lost-write: o-2 was stored at offset 2 of orders/0 (shop, 0.200 s); payments has read on to offset 3 (worker 1, 0.500 s), and nobody has got it"
    );
}

#[test]
fn a_message_that_its_queue_no_longer_holds_is_lost() {
    let run = [
        confirmed(1, 100),
        confirmed(2, 200),
        confirmed(3, 300),
        delivered("worker 1", 1, 1, 400),
        Operation::held("grader", 3, Place::queue("payments")).when(ms(900)),
        Operation::listed("grader", "payments").when(ms(900)),
    ];
    insta::assert_snapshot!(found(strict().groups(["payments"]), run), @"
    lost-write: o-1 was stored (shop, 0.100 s); payments holds it no more, and nobody has acknowledged it there
    lost-write: o-2 was stored (shop, 0.200 s); payments holds it no more, and nobody has acknowledged it there
    unseen: o-3 was stored (shop, 0.300 s), and payments has not got it
    ");
}

#[test]
fn an_unknown_publish_may_be_stored_or_not() {
    let unknown = || Operation::publish("shop", 1).when(ms(100)).unknown();
    let listed = || Operation::listed("grader", "orders").when(ms(900));
    let groups = || strict().groups(["payments"]);
    assert_eq!(found(groups(), [unknown(), listed()]), "");
    let held = Operation::held("grader", 1, orders(4)).when(ms(900));
    insta::assert_snapshot!(
        found(groups(), [unknown(), held, listed()]),
        @"unseen: o-1 was stored at offset 4 of orders/0 (grader, 0.900 s), and payments has not got it"
    );
    let in_queue = Operation::held("grader", 1, Place::queue("payments")).when(ms(900));
    insta::assert_snapshot!(
        found(groups(), [unknown(), in_queue]),
        @"unseen: o-1 stands in payments (grader, 0.900 s), and was never delivered"
    );
    assert_eq!(
        found(groups(), [unknown(), delivered("worker 1", 1, 1, 200)]),
        ""
    );
}

#[test]
fn two_positions_of_one_message_are_a_duplicate() {
    let again = Operation::publish("shop", 1).at(orders(5)).when(ms(300));
    insta::assert_snapshot!(
        found(strict(), [stored(1), again.clone()]),
        @"duplicate: o-1 is stored twice: at offset 1 of orders/0 (shop, 0.100 s) and at offset 5 of orders/0 (shop, 0.300 s)"
    );
    // What a transaction has left behind in the log is no copy.
    let left = [
        stored(1).within(4),
        Operation::abort_transaction("shop", 4).when(ms(200)),
        Operation::held("grader", 1, orders(1)).when(ms(900)),
    ];
    let run = left.into_iter().chain([again.clone()]);
    assert_eq!(found(strict(), run), "");
    // The same position twice is the broker's own deduplication.
    assert_eq!(found(strict(), [stored(1), again.at(orders(1))]), "");
    // Another topic has a copy of its own.
    let aside = Operation::publish("worker 1", 1).at(Place::offset("orders.dead", 0, 0));
    assert_eq!(found(strict(), [stored(1), aside.when(ms(300))]), "");
    assert_eq!(
        found(
            Expect::at_least_once(),
            [stored(1), got("worker 1", 1, 400)]
        ),
        ""
    );
}

#[test]
fn a_queue_delivers_a_message_as_new_once() {
    let run = [confirmed(1, 100), delivered("worker 1", 1, 1, 200)];
    let again = delivered("worker 2", 1, 1, 300);
    let with = |more: Vec<Operation>| found(strict(), run.iter().cloned().chain(more));
    insta::assert_snapshot!(
        with(vec![again.clone()]),
        @"duplicate: payments had o-1 twice: it came as new to worker 1 with delivery tag 1 at 0.200 s and to worker 2 with delivery tag 1 at 0.300 s"
    );
    assert_eq!(with(vec![again.clone().redelivered()]), "");
    let reject = Operation::reject("worker 1", "payments", 1).at(Place::tag("payments", 1));
    assert_eq!(
        with(vec![reject.when(ms(250)), again]),
        "",
        "a refused message comes back as new by way of a dead-letter exchange"
    );
    let held = || Operation::held("grader", 1, Place::queue("payments")).when(ms(900));
    assert_eq!(with(vec![held()]), "");
    insta::assert_snapshot!(with(vec![held(), held()]), @"duplicate: payments holds o-1 twice (grader, 0.900 s)");
}
