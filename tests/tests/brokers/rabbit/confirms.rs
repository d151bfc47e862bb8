//! ch03-rabbit-confirms: what a publisher hears, and what it does not.

use std::collections::BTreeSet;
use std::sync::Arc;

use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ExchangeKind, PublisherConfirm};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::relay::Relay;
use super::shop::{
    PATIENCE, bind, bodies, confirming, connect, declare, private, ready, text, url,
};

/// A topic exchange that nothing is bound to.
async fn declare_exchange(channel: &Channel, exchange: &str) {
    let (options, none) = (ExchangeDeclareOptions::default(), FieldTable::default());
    let declared = channel.exchange_declare(exchange.into(), ExchangeKind::Topic, options, none);
    declared.await.unwrap();
}

/// Publishes, without a look at the answer.
async fn send(
    channel: &Channel,
    (exchange, key): (&str, &str),
    order: u32,
    mandatory: bool,
) -> PublisherConfirm {
    let options = BasicPublishOptions {
        mandatory,
        ..Default::default()
    };
    let (body, persistent) = (
        format!("o-{order}"),
        BasicProperties::default().with_delivery_mode(2),
    );
    let (exchange, key) = (exchange.into(), key.into());
    let sent = channel.basic_publish(exchange, key, options, body.as_bytes(), persistent);
    sent.await.unwrap()
}

async fn answer(confirm: PublisherConfirm) -> Confirmation {
    timeout(PATIENCE, confirm).await.unwrap().unwrap()
}

/// The order that a confirm brings back, and RabbitMQ's reason.
fn returned(answer: Confirmation) -> Option<(String, u16, String)> {
    let message = answer.take_message()?;
    let order = String::from_utf8(message.delivery.data).unwrap();
    Some((order, message.reply_code, message.reply_text.to_string()))
}

/// Publishes o-1 with or without a binding, and binds the queue at the latest then: RabbitMQ's
/// answer, and what the queue has.
async fn published(name: &str, bound: bool, mandatory: bool) -> (Confirmation, Vec<String>) {
    let (_shop, channel) = confirming(url().await).await;
    declare_exchange(&channel, name).await;
    declare(&channel, name, "quorum", &[]).await;
    if bound {
        bind(&channel, name, name, "order.created").await;
    }
    let sent = send(&channel, (name, "order.created"), 1, mandatory).await;
    let told = answer(sent).await;
    bind(&channel, name, name, "order.created").await;
    (told, bodies(&channel, name).await)
}

/// claim: rabbit.confirm.unroutable-acked
#[tokio::test(flavor = "multi_thread")]
async fn without_a_binding_an_order_is_acknowledged_and_gone() {
    let (told, queue) = published("confirms.unbound", false, false).await;
    assert_eq!(told, Confirmation::Ack(None));
    assert_eq!(queue, [""; 0]);
}

/// claim: rabbit.confirm.unroutable-acked
#[tokio::test(flavor = "multi_thread")]
async fn with_a_binding_the_same_answer_means_stored_contrast() {
    let (told, queue) = published("bound", true, false).await;
    assert_eq!(told, Confirmation::Ack(None));
    assert_eq!(queue, ["o-1"]);
}

/// claim: rabbit.mandatory.returned
#[tokio::test(flavor = "multi_thread")]
async fn a_mandatory_order_without_a_binding_comes_back_and_is_acknowledged() {
    let (told, queue) = published("unbound.mandatory", false, true).await;
    assert!(told.is_ack());
    let expected = ("o-1".to_owned(), 312, "NO_ROUTE".to_owned());
    assert_eq!(returned(told), Some(expected));
    assert_eq!(queue, [""; 0]);
}

/// claim: rabbit.mandatory.returned
#[tokio::test(flavor = "multi_thread")]
async fn a_mandatory_order_with_a_binding_does_not_come_back_contrast() {
    let (told, queue) = published("bound.mandatory", true, true).await;
    assert_eq!(told, Confirmation::Ack(None));
    assert_eq!(queue, ["o-1"]);
}

/// Publishes eight mandatory orders, of which the even ones have no binding. Gives the orders whose
/// confirms bring a message back, and the orders that come back.
async fn eight(channel: &Channel, exchange: &str, at_once: bool) -> [BTreeSet<String>; 2] {
    let (mut confirms, mut answers) = (Vec::new(), Vec::new());
    for order in 1..=8 {
        let key = ["order.shipped", "order.created"][order as usize % 2];
        let confirm = send(channel, (exchange, key), order, true).await;
        match at_once {
            true => confirms.push((order, confirm)),
            false => answers.push((order, answer(confirm).await)),
        }
    }
    for (order, confirm) in confirms {
        answers.push((order, answer(confirm).await));
    }
    let mut found = [BTreeSet::new(), BTreeSet::new()];
    for (order, answer) in answers {
        if let Some((back, ..)) = returned(answer) {
            found[0].insert(format!("o-{order}"));
            found[1].insert(back);
        }
    }
    found
}

fn even() -> BTreeSet<String> {
    ["o-2", "o-4", "o-6", "o-8"]
        .map(str::to_owned)
        .into_iter()
        .collect()
}

/// claim: rabbit.return.other-confirm
#[tokio::test(flavor = "multi_thread")]
async fn a_returned_order_can_come_with_the_confirm_of_another_one() {
    let (_shop, channel) = confirming(url().await).await;
    declare_exchange(&channel, "at.once").await;
    declare(&channel, "at.once", "quorum", &[]).await;
    bind(&channel, "at.once", "at.once", "order.created").await;
    // It depends on which answers RabbitMQ puts together: seldom more than ten rounds.
    for _ in 0..2000 {
        let [confirms, messages] = eight(&channel, "at.once", true).await;
        assert_eq!(messages, even(), "the messages themselves are right");
        if confirms != even() {
            return;
        }
    }
    panic!("each confirm brought its own message: has lapin changed?");
}

/// claim: rabbit.return.other-confirm
#[tokio::test(flavor = "multi_thread")]
async fn one_by_one_a_returned_order_comes_with_its_own_confirm_contrast() {
    let (_shop, channel) = confirming(url().await).await;
    declare_exchange(&channel, "one.by.one").await;
    declare(&channel, "one.by.one", "quorum", &[]).await;
    bind(&channel, "one.by.one", "one.by.one", "order.created").await;
    for _ in 0..20 {
        let found = eight(&channel, "one.by.one", false).await;
        assert_eq!(found, [even(), even()]);
    }
}

fn limit(orders: i32) -> (&'static str, AMQPValue) {
    ("x-max-length", AMQPValue::LongInt(orders))
}

fn reject_publish() -> (&'static str, AMQPValue) {
    ("x-overflow", text("reject-publish"))
}

/// Publishes o-1 to o-6 one by one to a queue: the orders that are not acknowledged, and what the
/// queue has.
async fn six(queue: &str, kind: &str, more: &[(&str, AMQPValue)]) -> (Vec<u32>, Vec<String>) {
    let (_shop, channel) = confirming(url().await).await;
    declare(&channel, queue, kind, more).await;
    let mut refused = Vec::new();
    for order in 1..=6 {
        let sent = send(&channel, ("", queue), order, false).await;
        match answer(sent).await {
            Confirmation::Ack(None) => {}
            Confirmation::Nack(None) => refused.push(order),
            other => panic!("{other:?}"),
        }
        // A queue says that it is full behind its confirm; it answers this behind both.
        ready(&channel, queue).await;
    }
    (refused, bodies(&channel, queue).await)
}

/// claim: rabbit.overflow.refused
/// claim: rabbit.overflow.soft-limit
#[tokio::test(flavor = "multi_thread")]
async fn a_full_quorum_queue_refuses_what_comes_after_one_too_many() {
    let (refused, queue) = six("full", "quorum", &[limit(3), reject_publish()]).await;
    assert_eq!(refused, [5, 6]);
    assert_eq!(queue, ["o-1", "o-2", "o-3", "o-4"]);
}

/// claim: rabbit.overflow.soft-limit
/// claim: rabbit.overflow.drop-head
#[tokio::test(flavor = "multi_thread")]
async fn a_full_classic_queue_refuses_at_its_limit_contrast() {
    let (refused, queue) = six("full.classic", "classic", &[limit(3), reject_publish()]).await;
    assert_eq!(refused, [4, 5, 6]);
    assert_eq!(queue, ["o-1", "o-2", "o-3"]);
}

/// claim: rabbit.overflow.drop-head
#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_drops_its_oldest_orders_where_nothing_else_is_asked_for() {
    let (refused, queue) = six("drops", "quorum", &[limit(3)]).await;
    assert_eq!(refused, [0; 0], "each of the six was acknowledged");
    assert_eq!(queue, ["o-4", "o-5", "o-6"]);
}

/// claim: rabbit.overflow.refused
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_without_a_limit_refuses_nothing_contrast() {
    let (refused, queue) = six("endless", "quorum", &[reject_publish()]).await;
    assert_eq!(refused, [0; 0]);
    assert_eq!(queue.len(), 6);
}

/// claim: rabbit.overflow.soft-limit
#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_queue_takes_what_is_on_its_way_when_it_is_full() {
    let relay = Relay::before(url().await).await;
    let (_shop, channel) = confirming(&relay.url).await;
    let arguments = [limit(3), reject_publish()];
    declare(&channel, "flooded", "quorum", &arguments).await;
    // All are on their way before the broker has the first.
    relay.hold_questions();
    let mut confirms = Vec::new();
    for order in 1..=50 {
        confirms.push(send(&channel, ("", "flooded"), order, false).await);
    }
    relay.release_questions();
    let mut taken = 0;
    for confirm in confirms {
        taken += u32::from(answer(confirm).await.is_ack());
    }
    assert!(taken > 4, "{taken} of 50");
}

/// Publishes o-1 to an exchange that leads to two queues, one of which may be full.
async fn to_two(name: &str, full: bool) -> (Confirmation, Vec<String>) {
    let (_shop, channel) = confirming(url().await).await;
    declare_exchange(&channel, name).await;
    let other = format!("{name}.other");
    let none = [limit(if full { 0 } else { 9 }), reject_publish()];
    declare(&channel, name, "classic", &none).await;
    declare(&channel, &other, "quorum", &[]).await;
    bind(&channel, name, name, "order.created").await;
    bind(&channel, &other, name, "order.created").await;
    let sent = send(&channel, (name, "order.created"), 1, true).await;
    (answer(sent).await, bodies(&channel, &other).await)
}

/// claim: rabbit.overflow.partial
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_one_of_two_queues_refuses_is_refused_and_in_the_other() {
    let (told, other) = to_two("one.full", true).await;
    assert_eq!(told, Confirmation::Nack(None));
    assert_eq!(other, ["o-1"]);
}

/// claim: rabbit.overflow.partial
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_both_queues_take_is_acknowledged_contrast() {
    let (told, other) = to_two("none.full", false).await;
    assert_eq!(told, Confirmation::Ack(None));
    assert_eq!(other, ["o-1"]);
}

/// A full queue that refuses, and a channel that publishes two more to it.
async fn refused(queue: &str, confirms: bool) -> (Connection, Channel, [PublisherConfirm; 2]) {
    let filler = six(queue, "classic", &[limit(3), reject_publish()]).await;
    assert_eq!(filler.0, [4, 5, 6]);
    let (connection, channel) = match confirms {
        true => confirming(url().await).await,
        false => connect(url().await).await,
    };
    // `six` has emptied it.
    let mut sent = Vec::new();
    for order in 1..=5 {
        sent.push(send(&channel, ("", queue), order, false).await);
    }
    let last = sent.split_off(3).try_into().unwrap();
    (connection, channel, last)
}

/// claim: rabbit.confirm.none-silent
#[tokio::test(flavor = "multi_thread")]
async fn without_confirms_a_refused_order_is_gone_without_a_word() {
    let (_shop, channel, sent) = refused("silent", false).await;
    for confirm in sent {
        assert_eq!(answer(confirm).await, Confirmation::NotRequested);
    }
    // The channel is as good as before, and the queue has what came first.
    assert_eq!(bodies(&channel, "silent").await, ["o-1", "o-2", "o-3"]);
}

/// claim: rabbit.confirm.none-silent
/// claim: rabbit.confirm.wait-hides-nack
#[tokio::test(flavor = "multi_thread")]
async fn with_confirms_each_refused_order_is_told_contrast() {
    let (_shop, channel, sent) = refused("told", true).await;
    for confirm in sent {
        assert_eq!(answer(confirm).await, Confirmation::Nack(None));
    }
    assert_eq!(bodies(&channel, "told").await, ["o-1", "o-2", "o-3"]);
}

/// claim: rabbit.confirm.wait-hides-nack
#[tokio::test(flavor = "multi_thread")]
async fn to_wait_for_all_confirms_at_once_tells_of_no_refusal() {
    let (_shop, channel, sent) = refused("hidden", true).await;
    drop(sent);
    let waited = timeout(PATIENCE, channel.wait_for_confirms()).await;
    assert!(waited.unwrap().unwrap().is_empty());
    assert_eq!(bodies(&channel, "hidden").await, ["o-1", "o-2", "o-3"]);
}

/// Publishes o-1, waits until it is stored, then o-2 while the broker stands still, and kills it.
/// What the publisher hears about o-2, and what a restarted broker has.
async fn killed(confirms: bool) -> (Result<Confirmation, lapin::Error>, Vec<String>) {
    let mut broker = private().await;
    let (_setup, setup) = confirming(broker.url()).await;
    declare(&setup, "confirms.orders", "classic", &[]).await;
    let sent = send(&setup, ("", "confirms.orders"), 1, false).await;
    assert!(answer(sent).await.is_ack());
    let (_shop, channel) = match confirms {
        true => confirming(broker.url()).await,
        false => connect(broker.url()).await,
    };
    broker.pause().await.unwrap();
    let confirm = send(&channel, ("", "confirms.orders"), 2, false).await;
    broker.kill().await.unwrap();
    let told = timeout(PATIENCE, confirm).await.unwrap();
    broker.restart().await.unwrap();
    let (_inventory, channel) = connect(broker.url()).await;
    let queue = bodies(&channel, "confirms.orders").await;
    broker.stop().await.unwrap();
    (told, queue)
}

/// claim: rabbit.publish.lost-in-a-kill
#[tokio::test(flavor = "multi_thread")]
async fn without_confirms_a_publish_to_a_broker_that_dies_is_ok_and_lost() {
    let (told, queue) = killed(false).await;
    assert_eq!(told.unwrap(), Confirmation::NotRequested);
    assert_eq!(queue, ["o-1"]);
}

/// claim: rabbit.publish.lost-in-a-kill
#[tokio::test(flavor = "multi_thread")]
async fn with_confirms_the_publisher_learns_that_there_is_no_answer_contrast() {
    let (told, queue) = killed(true).await;
    assert!(told.is_err(), "{told:?}");
    assert_eq!(queue, ["o-1"]);
}

/// An order whose confirm the publisher does not live to see, and perhaps the same order again.
async fn again(queue: &str, times: u32) -> Vec<String> {
    let (_shop, channel) = confirming(url().await).await;
    declare(&channel, queue, "quorum", &[]).await;
    for _ in 0..times {
        let (connection, channel) = confirming(url().await).await;
        drop(send(&channel, ("", queue), 1, false).await);
        connection.close(200, "crash".into()).await.unwrap();
    }
    // Something that must arrive after it.
    assert!(
        answer(send(&channel, ("", queue), 2, false).await)
            .await
            .is_ack()
    );
    bodies(&channel, queue).await
}

/// claim: rabbit.publish.repeated
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_published_again_is_there_twice() {
    assert_eq!(again("repeated", 2).await, ["o-1", "o-1", "o-2"]);
}

/// claim: rabbit.publish.repeated
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_published_once_is_there_once_contrast() {
    assert_eq!(again("confirms.once", 1).await, ["o-1", "o-2"]);
}

/// Two tasks publish on one channel, one to a queue that refuses everything and one to a queue that
/// takes everything: how many of so many answers were given to the other's message. With `in_turn`
/// one of them at a time hands its message over.
async fn answers_mixed_up(names: [&str; 2], messages: u32, in_turn: bool) -> usize {
    let (_shop, channel) = confirming(url().await).await;
    let [refuses, takes] = names;
    let none = [
        ("x-max-length", AMQPValue::LongInt(0)),
        ("x-overflow", text("reject-publish")),
    ];
    declare(&channel, refuses, "classic", &none).await;
    declare(&channel, takes, "classic", &[]).await;
    let turn = Arc::new(Mutex::new(()));
    let tasks = names.map(|queue| {
        let (channel, turn, queue) = (channel.clone(), turn.clone(), queue.to_owned());
        tokio::spawn(async move {
            let mut confirms = Vec::new();
            for order in 1..=messages {
                let _turn = if in_turn {
                    Some(turn.lock().await)
                } else {
                    None
                };
                confirms.push(send(&channel, ("", &queue), order, false).await);
            }
            let mut acknowledged = 0;
            for confirm in confirms {
                acknowledged += usize::from(answer(confirm).await.is_ack());
            }
            acknowledged
        })
    });
    let [refused, taken] = tasks;
    let (refused, taken) = (refused.await.unwrap(), taken.await.unwrap());
    channel
        .queue_purge(takes.into(), Default::default())
        .await
        .unwrap();
    assert_eq!(
        refused + taken,
        messages as usize,
        "RabbitMQ took one queue's messages"
    );
    refused
}

/// claim: rabbit.confirm.one-task
#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_publish_on_one_channel_get_each_others_answers() {
    let names = ["one-task.refuses", "one-task.takes"];
    let mixed = async { while answers_mixed_up(names, 1000, false).await == 0 {} };
    timeout(PATIENCE, mixed).await.unwrap();
}

/// claim: rabbit.confirm.one-task
#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_publish_in_turn_get_their_own_answers_contrast() {
    let names = ["in-turn.refuses", "in-turn.takes"];
    for _ in 0..3 {
        assert_eq!(answers_mixed_up(names, 1000, true).await, 0);
    }
}
