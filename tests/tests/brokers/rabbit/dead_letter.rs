//! ch03-rabbit-dead-letter: what is counted, what loops, and how a dead letter travels.

use book_tests::since;
use lapin::message::Delivery;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, Consumer};

use super::shop::{confirming, connect, consume, declare, next, publish, shared, text, url};

/// What a worker does with the poison order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    Reject,
    Nack,
    Crash,
    Drop,
}

const LIMIT: (&str, AMQPValue) = ("x-delivery-limit", AMQPValue::LongInt(3));
/// So many deliveries of one order are a loop.
const ENOUGH: u32 = 1000;

/// Whether RabbitMQ counts a nack: it does so up to 4.2.
async fn is_old() -> bool {
    !since(shared().await, "4.3.0")
}

/// Dead letters of `queue` go to a queue `queue.dead`, by the default exchange.
fn dead_letters(queue: &str) -> [(&'static str, AMQPValue); 2] {
    let key = text(&format!("{queue}.dead"));
    [
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", key),
    ]
}

/// A worker that takes one order at a time.
async fn worker(queue: &str) -> (Connection, Channel, Consumer) {
    let (connection, channel) = connect(url().await).await;
    let options = BasicQosOptions::default();
    channel.basic_qos(1, options).await.unwrap();
    let orders = consume(&channel, queue, false).await;
    (connection, channel, orders)
}

pub async fn fail(delivery: &Delivery, failure: Failure) {
    let sent = match failure {
        Failure::Reject => delivery.reject(BasicRejectOptions { requeue: true }).await,
        Failure::Drop => delivery.reject(BasicRejectOptions { requeue: false }).await,
        Failure::Nack => {
            let requeue = BasicNackOptions {
                requeue: true,
                ..Default::default()
            };
            delivery.nack(requeue).await
        }
        Failure::Crash => Ok(true),
    };
    assert!(sent.unwrap());
}

/// A queue with o-3 and o-4, and a worker that fails on o-3 until o-4 comes, or a thousand times.
/// The deliveries of o-3, and the last one's headers.
async fn poison(
    queue: &str,
    kind: &str,
    more: &[(&str, AMQPValue)],
    failure: Failure,
) -> (u32, Option<FieldTable>) {
    let (_shop, channel) = confirming(url().await).await;
    declare(&channel, &format!("{queue}.dead"), "quorum", &[]).await;
    declare(
        &channel,
        queue,
        kind,
        &[more, &dead_letters(queue)].concat(),
    )
    .await;
    for order in ["o-3", "o-4"] {
        assert!(publish(&channel, queue, order).await.is_ack());
    }
    let (mut connection, mut channel, mut orders) = worker(queue).await;
    let (mut deliveries, mut headers) = (0, None);
    while deliveries < ENOUGH {
        let delivery = next(&mut orders).await;
        if delivery.data == b"o-4" {
            break;
        }
        assert_eq!(delivery.data, b"o-3");
        deliveries += 1;
        headers = delivery.properties.headers().clone();
        fail(&delivery, failure).await;
        if failure == Failure::Crash {
            connection.close(200, "crash".into()).await.unwrap();
            (connection, channel, orders) = worker(queue).await;
        }
    }
    channel.close(200, "done".into()).await.unwrap();
    (deliveries, headers)
}

fn number(headers: Option<&FieldTable>, name: &str) -> Option<i64> {
    headers?.inner().get(name)?.as_long_long_int()
}

/// The first dead letter: which order, and why.
async fn dead_letter(queue: &str) -> (String, String) {
    let (_accounting, channel) = connect(url().await).await;
    let mut letters = consume(&channel, &format!("{queue}.dead"), true).await;
    let letter = next(&mut letters).await;
    let headers = letter.properties.headers().clone().unwrap();
    let reason = headers.inner()["x-last-death-reason"]
        .as_long_string()
        .unwrap()
        .to_string();
    (String::from_utf8(letter.data).unwrap(), reason)
}

fn because(reason: &str) -> (String, String) {
    ("o-3".to_owned(), reason.to_owned())
}

/// claim: rabbit.reject.counted
/// claim: rabbit.requeue.front
#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_order_is_delivered_as_often_as_the_limit_and_once_more() {
    let (deliveries, headers) = poison("rejected", "quorum", &[LIMIT], Failure::Reject).await;
    assert_eq!(deliveries, 4);
    assert_eq!(number(headers.as_ref(), "x-delivery-count"), Some(3));
    assert_eq!(dead_letter("rejected").await, because("delivery_limit"));
}

/// claim: rabbit.reject.counted
/// claim: rabbit.crash.counted
#[tokio::test(flavor = "multi_thread")]
async fn a_nacked_order_is_not_counted_from_4_3_on_contrast() {
    if is_old().await {
        return;
    }
    let (deliveries, headers) = poison("nacked", "quorum", &[LIMIT], Failure::Nack).await;
    assert_eq!(deliveries, ENOUGH);
    assert_eq!(number(headers.as_ref(), "x-delivery-count"), None);
}

/// claim: rabbit.nack.uncounted
/// claim: rabbit.nack.acquired-count
#[tokio::test(flavor = "multi_thread")]
async fn a_nacked_order_loops_and_tells_how_often_it_was_taken() {
    if is_old().await {
        return;
    }
    let (deliveries, headers) = poison("looping", "quorum", &[LIMIT], Failure::Nack).await;
    assert_eq!(deliveries, ENOUGH);
    let taken = number(headers.as_ref(), "x-acquired-count");
    assert_eq!(taken, Some(i64::from(ENOUGH) - 1));
}

/// claim: rabbit.nack.uncounted
#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_order_does_not_loop_contrast() {
    let (deliveries, headers) = poison("not.looping", "quorum", &[LIMIT], Failure::Reject).await;
    assert_eq!(deliveries, 4);
    assert_eq!(number(headers.as_ref(), "x-delivery-count"), Some(3));
}

/// claim: rabbit.nack.acquired-count
/// claim: rabbit.requeue.front
#[tokio::test(flavor = "multi_thread")]
async fn after_an_order_that_is_not_put_back_comes_the_next_one_contrast() {
    let (deliveries, headers) = poison("dropped", "quorum", &[LIMIT], Failure::Drop).await;
    assert_eq!(deliveries, 1);
    assert_eq!(number(headers.as_ref(), "x-acquired-count"), None);
}

/// claim: rabbit.crash.counted
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_in_its_order_is_counted() {
    let (deliveries, headers) = poison("crashing", "quorum", &[LIMIT], Failure::Crash).await;
    assert_eq!(deliveries, 4);
    assert_eq!(number(headers.as_ref(), "x-delivery-count"), Some(3));
    assert_eq!(dead_letter("crashing").await, because("delivery_limit"));
}

/// claim: rabbit.reject.dead-letter
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_not_put_back_is_a_dead_letter_at_once() {
    let (deliveries, _) = poison("dropped.once", "quorum", &[LIMIT], Failure::Drop).await;
    assert_eq!(deliveries, 1);
    assert_eq!(dead_letter("dropped.once").await, because("rejected"));
}

/// claim: rabbit.reject.dead-letter
#[tokio::test(flavor = "multi_thread")]
async fn without_a_dead_letter_exchange_it_is_gone_contrast() {
    let (_shop, channel) = confirming(url().await).await;
    declare(&channel, "gone", "quorum", &[]).await;
    assert!(publish(&channel, "gone", "o-3").await.is_ack());
    let (_connection, _channel, mut orders) = worker("gone").await;
    fail(&next(&mut orders).await, Failure::Drop).await;
    assert!(publish(&channel, "gone", "o-4").await.is_ack());
    assert_eq!(next(&mut orders).await.data, b"o-4");
}

/// claim: rabbit.delivery-limit.default
#[tokio::test(flavor = "multi_thread")]
async fn the_default_limit_is_20() {
    let (deliveries, _) = poison("default", "quorum", &[], Failure::Reject).await;
    assert_eq!(deliveries, 21);
}

/// claim: rabbit.delivery-limit.default
/// claim: rabbit.delivery-limit.classic
/// claim: rabbit.delivery-limit.off
#[tokio::test(flavor = "multi_thread")]
async fn another_limit_holds_instead_on_a_quorum_queue_contrast() {
    let (deliveries, _) = poison("another", "quorum", &[LIMIT], Failure::Reject).await;
    assert_eq!(deliveries, 4);
}

/// claim: rabbit.delivery-limit.off
#[tokio::test(flavor = "multi_thread")]
async fn with_a_limit_of_minus_one_an_order_comes_for_ever() {
    let (_shop, channel) = confirming(url().await).await;
    let off = ("x-delivery-limit", AMQPValue::LongInt(-1));
    declare(&channel, "dead-letter.unlimited", "quorum", &[off]).await;
    for order in ["o-3", "o-4"] {
        assert!(
            publish(&channel, "dead-letter.unlimited", order)
                .await
                .is_ack()
        );
    }
    let (_connection, _channel, mut orders) = worker("dead-letter.unlimited").await;
    let mut place = None;
    for delivery in 0..ENOUGH {
        let order = next(&mut orders).await;
        if order.data == b"o-4" {
            place = Some(delivery);
            assert!(order.ack(BasicAckOptions::default()).await.unwrap());
        } else {
            fail(&order, Failure::Reject).await;
        }
    }
    // Without a limit RabbitMQ 4.0 puts it to the end of the queue; 4.3 puts it to the front.
    let old = shared().await.require("4.3.0").is_err();
    assert_eq!(place, old.then_some(1));
}

/// claim: rabbit.delivery-limit.classic
#[tokio::test(flavor = "multi_thread")]
async fn a_classic_queue_has_no_limit() {
    let (deliveries, headers) = poison("classic", "classic", &[], Failure::Reject).await;
    assert_eq!(deliveries, ENOUGH);
    assert_eq!(headers, None, "and counts nothing");
}

/// Workers take so many of o-3 to o-5 at a time and die, four times. The dead letters.
async fn four_crashes(queue: &str, prefetch: u16) -> Vec<String> {
    let (_shop, channel) = confirming(url().await).await;
    let dead = format!("{queue}.dead");
    declare(&channel, &dead, "quorum", &[]).await;
    declare(
        &channel,
        queue,
        "quorum",
        &[&[LIMIT][..], &dead_letters(queue)].concat(),
    )
    .await;
    for order in ["o-3", "o-4", "o-5"] {
        assert!(publish(&channel, queue, order).await.is_ack());
    }
    for _ in 0..4 {
        let (connection, channel) = connect(url().await).await;
        let options = BasicQosOptions::default();
        channel.basic_qos(prefetch, options).await.unwrap();
        let mut orders = consume(&channel, queue, false).await;
        assert_eq!(next(&mut orders).await.data, b"o-3");
        for _ in 1..prefetch {
            next(&mut orders).await;
        }
        connection.close(200, "crash".into()).await.unwrap();
    }
    // What is no dead letter is still there for others.
    let mut left = Vec::new();
    let (_connection, _channel, mut orders) = worker(queue).await;
    assert!(publish(&channel, queue, "o-6").await.is_ack());
    while left.last().is_none_or(|order| order != "o-6") {
        let order = next(&mut orders).await;
        assert!(order.ack(BasicAckOptions::default()).await.unwrap());
        left.push(String::from_utf8(order.data.clone()).unwrap());
    }
    let mut letters = consume(&channel, &dead, true).await;
    let mut found = Vec::new();
    while found.len() + left.len() < 4 {
        found.push(String::from_utf8(next(&mut letters).await.data).unwrap());
    }
    found
}

/// claim: rabbit.delivery-limit.bystanders
#[tokio::test(flavor = "multi_thread")]
async fn orders_that_waited_in_dying_workers_become_dead_letters_too() {
    let mut found = four_crashes("bystanding", 3).await;
    found.sort();
    assert_eq!(found, ["o-3", "o-4", "o-5"]);
}

/// claim: rabbit.delivery-limit.bystanders
#[tokio::test(flavor = "multi_thread")]
async fn with_a_prefetch_of_one_only_the_poison_order_does_contrast() {
    assert_eq!(four_crashes("crashes.alone", 1).await, ["o-3"]);
}

/// The order of deliveries when o-3 is rejected once, and waits or does not wait.
async fn with_o_3_rejected_once(queue: &str, more: &[(&str, AMQPValue)]) -> Vec<String> {
    let (_shop, channel) = confirming(url().await).await;
    declare(&channel, queue, "quorum", more).await;
    for order in ["o-3", "o-4", "o-5"] {
        assert!(publish(&channel, queue, order).await.is_ack());
    }
    let (_connection, _channel, mut orders) = worker(queue).await;
    let mut found = Vec::new();
    while found.len() < 4 {
        let order = next(&mut orders).await;
        if found.is_empty() {
            fail(&order, Failure::Reject).await;
        } else {
            assert!(order.ack(BasicAckOptions::default()).await.unwrap());
        }
        found.push(String::from_utf8(order.data.clone()).unwrap());
    }
    found
}

/// claim: rabbit.delayed-retry.waits
#[tokio::test(flavor = "multi_thread")]
async fn with_a_delayed_retry_the_others_come_before_the_rejected_order() {
    if is_old().await {
        return;
    }
    let delayed = [
        ("x-delayed-retry-type", text("failed")),
        // Far longer than two orders take, also where the machine stands still for some seconds.
        ("x-delayed-retry-min", AMQPValue::LongInt(8000)),
    ];
    let found = with_o_3_rejected_once("delayed", &delayed).await;
    assert_eq!(found, ["o-3", "o-4", "o-5", "o-3"]);
}

/// claim: rabbit.delayed-retry.waits
#[tokio::test(flavor = "multi_thread")]
async fn without_it_the_rejected_order_comes_at_once_contrast() {
    let found = with_o_3_rejected_once("undelayed", &[]).await;
    assert_eq!(found, ["o-3", "o-3", "o-4", "o-5"]);
}
