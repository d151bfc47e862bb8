//! The order of messages and of polls.
#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn a_message_that_is_stored_before_its_predecessor_is_reordered() {
    let at = |message: u32, sent: u64, offset: u64| {
        Operation::publish("shop", message)
            .key("c-1")
            .at(orders(offset))
            .during(ms(sent), ms(500))
    };
    insta::assert_snapshot!(
        found(strict(), [at(1, 100, 2), at(2, 110, 0), at(3, 120, 1)]),
        @"reordered: shop sent o-1 before o-2 (key c-1), and orders/0 has o-2 first: o-2 at offset 0 (shop, 0.500 s) and o-1 at offset 2 (shop, 0.500 s)"
    );
    assert_eq!(
        found(strict(), [at(1, 100, 2), at(2, 110, 0).key("c-2")]),
        ""
    );
    let other_partition = at(2, 110, 0).at(Place::offset("orders", 1, 0));
    assert_eq!(found(strict(), [at(1, 100, 2), other_partition]), "");
    let failed = at(1, 90, 9).failed();
    assert_eq!(found(strict(), [failed, at(2, 110, 0), at(1, 300, 1)]), "");
}

#[test]
fn work_in_another_order_than_sent_is_reordered() {
    let sent = |message: u32, at: u64| confirmed(message, at).key("c-1");
    let run = [
        sent(1, 100),
        sent(2, 110),
        delivered("worker 1", 1, 1, 200),
        delivered("worker 2", 2, 1, 210),
    ];
    let with = |more: [Operation; 2]| found(strict(), run.iter().cloned().chain(more));
    insta::assert_snapshot!(
        with([did("worker 2", 2, 300), did("worker 1", 1, 310)]),
        @"reordered: shop sent o-1 before o-2 (key c-1), and payments did o-2 first: o-2 (worker 2, 0.300 s) and o-1 (worker 1, 0.310 s)"
    );
    let slow = Operation::effect("worker 1", "payments", 1).during(ms(250), ms(310));
    assert_eq!(with([did("worker 2", 2, 300), slow]), "", "they overlap");

    let run = [
        sent(1, 100),
        sent(2, 110),
        delivered("worker 1", 2, 1, 200),
        delivered("worker 1", 1, 2, 210),
    ];
    insta::assert_snapshot!(
        found(strict(), run),
        @"reordered: shop sent o-1 before o-2 (key c-1), and worker 1 got o-2 first: o-2 with delivery tag 1 of payments (worker 1, 0.200 s) and o-1 with delivery tag 2 of payments (worker 1, 0.210 s)"
    );
}

#[test]
fn a_poll_goes_forward_unless_the_partition_was_assigned_anew() {
    let run = [
        stored(1),
        stored(2),
        got("worker 1", 1, 300),
        got("worker 1", 2, 310),
    ];
    let with = |more: Vec<Operation>| found(strict(), run.iter().cloned().chain(more));
    insta::assert_snapshot!(
        with(vec![got("worker 1", 1, 400)]),
        @"nonmonotonic-poll: worker 1 got o-1 at offset 1 of orders/0 at 0.400 s, after o-2 at offset 2 (0.310 s) and without a new assignment"
    );
    let assign = |from: u64| Operation::assign("worker 1", "payments", orders(from)).when(ms(350));
    assert_eq!(with(vec![assign(1), got("worker 1", 1, 400)]), "");
    assert_eq!(with(vec![got("worker 2", 1, 400)]), "");
    insta::assert_snapshot!(
        with(vec![assign(2), got("worker 1", 1, 400)]),
        @"nonmonotonic-poll: worker 1 got o-1 at offset 1 of orders/0 at 0.400 s, after its assignment from offset 2 and without a new assignment"
    );
}

#[test]
fn a_poll_passes_over_no_message() {
    let run = [
        stored(1),
        stored(2),
        stored(3),
        stored(4),
        got("worker 1", 1, 500),
    ];
    let with = |more: Vec<Operation>| found(strict(), run.iter().cloned().chain(more));
    insta::assert_snapshot!(
        with(vec![got("worker 1", 4, 510)]),
        @"skipped-poll: worker 1 got o-4 at offset 4 of orders/0 at 0.510 s, after o-1 at offset 1 (0.500 s), and passed over o-2 at offset 2 and 1 more"
    );
    let assign = Operation::assign("worker 1", "payments", orders(4)).when(ms(505));
    assert_eq!(with(vec![assign, got("worker 1", 4, 510)]), "");
    let unstored = [
        stored(1),
        stored(2).within(1),
        stored(3),
        got("worker 1", 1, 400),
        got("worker 1", 3, 410),
    ];
    assert_eq!(
        found(strict(), unstored),
        "",
        "a transaction that was not committed leaves a gap"
    );
}
