//! ch02-nats-queue-group: who gets a message, and what goes with a member that leaves.

use async_nats::{Client, Subscriber};
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::timeout;
use wire::{Proxy, Way};

use super::shop::{
    LONG, connect, gate, here, patient, publish, round_trip, server, subscribed, watched,
};

const CHARGE: &str = "payment.charge";

/// A member of a group that the server knows of.
async fn member(client: &Client, subject: &'static str, group: &str) -> Subscriber {
    let member = client.queue_subscribe(subject, group.to_owned()).await;
    round_trip(client).await;
    member.unwrap()
}

/// Publishes a hundred charges and says how many each of two subscriptions gets.
async fn dealt(client: &Client, one: &mut Subscriber, other: &mut Subscriber) -> (usize, usize) {
    publish(client, &[CHARGE; 100]).await;
    (here(one).len(), here(other).len())
}

/// claim: nats.group.one-member
#[tokio::test(flavor = "multi_thread")]
async fn each_message_goes_to_one_member() {
    let nats = server().await;
    let client = connect(&nats).await;
    let mut one = member(&client, CHARGE, "payments").await;
    let mut other = member(&client, CHARGE, "payments").await;
    let (one, other) = dealt(&client, &mut one, &mut other).await;
    assert_eq!(one + other, 100);
    assert!(one > 0 && other > 0, "{one} and {other}");
}

/// claim: nats.group.one-member
#[tokio::test(flavor = "multi_thread")]
async fn each_message_goes_to_one_member_contrast() {
    let nats = server().await;
    let client = connect(&nats).await;
    let mut one = subscribed(&client, CHARGE).await;
    let mut other = subscribed(&client, CHARGE).await;
    assert_eq!(dealt(&client, &mut one, &mut other).await, (100, 100));
}

/// Two members. One is done with its charge before the next one is published, the other one hangs, or
/// has left. How many each of them has of a hundred.
async fn beside_one_that_hangs(leaves: bool) -> (usize, usize) {
    let nats = server().await;
    let (client, other) = (connect(&nats).await, connect(&nats).await);
    let mut one = member(&client, CHARGE, "payments").await;
    let mut hung = member(&other, CHARGE, "payments").await;
    if leaves {
        hung.drain().await.unwrap();
        round_trip(&other).await;
    }
    let mut done = 0;
    for _ in 0..100 {
        publish(&client, &[CHARGE]).await;
        done += here(&mut one).len();
    }
    round_trip(&other).await;
    (done, here(&mut hung).len())
}

/// claim: nats.group.chance
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_hangs_has_its_share() {
    let (done, held) = beside_one_that_hangs(false).await;
    assert_eq!(done + held, 100);
    assert!(done > 0 && held > 0, "{done} and {held}");
}

/// claim: nats.group.chance
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_hangs_has_its_share_contrast() {
    assert_eq!(beside_one_that_hangs(true).await, (100, 0), "one has left");
}

/// claim: nats.order.publisher
#[tokio::test(flavor = "multi_thread")]
async fn what_one_publisher_sends_comes_in_its_order() {
    let nats = server().await;
    let (publisher, client) = (connect(&nats).await, connect(&nats).await);
    let mut charges = member(&client, "payment.*", "payments").await;
    for number in 100..200 {
        let subject = format!("payment.{number}");
        publisher.publish(subject, "o-1".into()).await.unwrap();
    }
    round_trip(&publisher).await;
    round_trip(&client).await;
    let subjects = here(&mut charges);
    assert_eq!(subjects.len(), 100);
    assert!(subjects.is_sorted(), "{subjects:?}");
}

/// claim: nats.order.publisher
#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_order_between_two_publishers_contrast() {
    let nats = server().await;
    let wire = Proxy::nats(nats.url()).await.unwrap();
    let first = patient().connect(wire.url()).await.unwrap();
    let (second, client) = (connect(&nats).await, connect(&nats).await);
    let mut charges = member(&client, "payment.*", "payments").await;
    // What the first one publishes is held up on its way.
    wire.partition(Way::ToBroker);
    first.publish("payment.100", "o-1".into()).await.unwrap();
    publish(&second, &["payment.101"]).await;
    wire.heal();
    round_trip(&first).await;
    round_trip(&client).await;
    assert_eq!(here(&mut charges), ["payment.101", "payment.100"]);
}

/// claim: nats.group.beside
#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_beside_the_group_hears_all() {
    let nats = server().await;
    let client = connect(&nats).await;
    let mut payments = member(&client, CHARGE, "payments").await;
    let mut analytics = subscribed(&client, CHARGE).await;
    let all = dealt(&client, &mut payments, &mut analytics).await;
    assert_eq!(all, (100, 100));
}

/// claim: nats.group.beside
#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_beside_the_group_hears_all_contrast() {
    let nats = server().await;
    let client = connect(&nats).await;
    let mut payments = member(&client, CHARGE, "payments").await;
    let mut analytics = member(&client, CHARGE, "payments").await;
    let (payments, analytics) = dealt(&client, &mut payments, &mut analytics).await;
    assert!(payments < 100 && analytics < 100, "in the group, a share");
}

/// claim: nats.group.name
#[tokio::test(flavor = "multi_thread")]
async fn one_name_on_two_patterns_is_one_group() {
    let nats = server().await;
    let client = connect(&nats).await;
    let mut payments = member(&client, CHARGE, "workers").await;
    let mut accounting = member(&client, "payment.*", "workers").await;
    let (payments, accounting) = dealt(&client, &mut payments, &mut accounting).await;
    assert_eq!(payments + accounting, 100);
    assert!(payments > 0 && accounting > 0, "{payments}, {accounting}");
}

/// claim: nats.group.name
#[tokio::test(flavor = "multi_thread")]
async fn one_name_on_two_patterns_is_one_group_contrast() {
    let nats = server().await;
    let client = connect(&nats).await;
    let mut payments = member(&client, CHARGE, "payments").await;
    let mut accounting = member(&client, "payment.*", "accounting").await;
    let all = dealt(&client, &mut payments, &mut accounting).await;
    assert_eq!(all, (100, 100));
}

/// claim: nats.group.join
#[tokio::test(flavor = "multi_thread")]
async fn who_joins_gets_nothing_that_is_dealt_already() {
    let nats = server().await;
    let client = connect(&nats).await;
    let mut first = member(&client, CHARGE, "payments").await;
    publish(&client, &[CHARGE; 100]).await;
    // The first has not begun on any of them.
    let mut second = member(&client, CHARGE, "payments").await;
    assert_eq!((here(&mut first).len(), here(&mut second).len()), (100, 0));
}

/// claim: nats.group.join
#[tokio::test(flavor = "multi_thread")]
async fn who_joins_gets_nothing_that_is_dealt_already_contrast() {
    let nats = server().await;
    let client = connect(&nats).await;
    let mut first = member(&client, CHARGE, "payments").await;
    let mut second = member(&client, CHARGE, "payments").await;
    let (_, second) = dealt(&client, &mut first, &mut second).await;
    assert!(second > 0, "what comes later is shared");
}

/// A member in a program of its own has three charges and takes one. It is killed, or drains.
/// Says how many of the three it has taken, and how many a member has that joined in time.
async fn leaving_with_three(killed: bool) -> (usize, usize) {
    let nats = server().await;
    let client = connect(&nats).await;
    let url = nats.url().to_owned();
    let (joined, mut has_joined) = mpsc::channel(1);
    let (go, mut may_go) = mpsc::channel::<()>(1);
    let program = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        runtime.block_on(async {
            let client = async_nats::connect(&url).await.unwrap();
            let mut orders = member(&client, "payment.*", "payments").await;
            joined.send(()).await.unwrap();
            may_go.recv().await;
            round_trip(&client).await;
            let taken = usize::from(orders.next().await.is_some());
            if killed {
                return taken;
            }
            orders.drain().await.unwrap();
            taken + orders.count().await
        })
        // The runtime ends here, and with it the connection, without a word to the server.
    });
    timeout(LONG, has_joined.recv()).await.unwrap().unwrap();
    publish(&client, &[CHARGE; 3]).await;
    let mut other = member(&client, "payment.*", "payments").await;
    go.send(()).await.unwrap();
    let taken = tokio::task::spawn_blocking(|| program.join().unwrap());
    let taken = timeout(LONG, taken).await.unwrap().unwrap();
    // Once everything is dealt to this member, the server has seen the other one go.
    let alone = async {
        let mut charges = 0;
        loop {
            publish(&client, &["payment.failed"; 20]).await;
            let got = here(&mut other);
            charges += got.iter().filter(|subject| *subject == CHARGE).count();
            if got.len() - charges == 20 {
                return charges;
            }
        }
    };
    (taken, timeout(LONG, alone).await.unwrap())
}

/// claim: nats.group.killed
#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_member_held_goes_to_nobody() {
    assert_eq!(leaving_with_three(true).await, (1, 0));
}

/// claim: nats.group.killed
#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_member_held_goes_to_nobody_contrast() {
    assert_eq!(leaving_with_three(false).await, (3, 0));
}

/// Three charges are on the wire to a member when it gives the order to leave, and three come
/// after that. Says how many it gets.
async fn leaving_with_three_on_the_wire(after: Option<u64>) -> usize {
    let nats = server().await;
    let publisher = connect(&nats).await;
    let (url, permits) = gate(&nats).await;
    let (client, _told) = watched(&url).await;
    let mut orders = member(&client, CHARGE, "payments").await;
    permits.forget_permits(permits.available_permits());
    publish(&publisher, &[CHARGE; 3]).await;
    match after {
        Some(count) => orders.unsubscribe_after(count).await.unwrap(),
        None => orders.drain().await.unwrap(),
    }
    client.flush().await.unwrap();
    if after.is_none() {
        // One may come through, the others are still under way.
        permits.add_permits(1);
        let ended = timeout(LONG, orders.count()).await;
        permits.add_permits(1000);
        return ended.unwrap();
    }
    permits.add_permits(1000);
    round_trip(&client).await;
    // Ten, of which it takes no more than it said.
    publish(&publisher, &[CHARGE; 10]).await;
    timeout(LONG, orders.count()).await.unwrap()
}

/// claim: nats.unsubscribe-after.exact
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_names_its_last_message_gets_all_up_to_it() {
    assert_eq!(leaving_with_three_on_the_wire(Some(6)).await, 6);
}

/// claim: nats.unsubscribe-after.exact
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_names_its_last_message_gets_all_up_to_it_contrast() {
    assert!(leaving_with_three_on_the_wire(None).await <= 1);
}
