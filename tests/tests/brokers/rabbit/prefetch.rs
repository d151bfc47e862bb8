//! ch03-rabbit-prefetch: how many unacknowledged orders a worker holds, and what that does to the
//! other workers.

use book_tests::since;
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel};

use super::shop::{
    connect, consume, declare_quorum, filled, next, private, publish, ready, shared, url,
};

async fn limit(channel: &Channel, prefetch: u16, global: bool) {
    let options = BasicQosOptions { global };
    channel.basic_qos(prefetch, options).await.unwrap();
}

/// Two workers consume and acknowledge nothing, ten orders come, a third worker joins and works.
/// How many orders does it do?
async fn done_by_the_third(queue: &str, prefetch: u16) -> u32 {
    let (_shop, shop) = filled(queue, 0).await;
    let (_busy, busy) = connect(url().await).await;
    limit(&busy, prefetch, false).await;
    let _first = consume(&busy, queue, false).await;
    let _second = consume(&busy, queue, false).await;
    for order in 1..=10 {
        publish(&shop, queue, &format!("o-{order}")).await;
    }
    let waiting = ready(&shop, queue).await;
    let (_third, third) = connect(url().await).await;
    limit(&third, prefetch, false).await;
    let mut orders = consume(&third, queue, false).await;
    for _ in 0..waiting {
        let order = next(&mut orders).await;
        assert!(order.ack(BasicAckOptions::default()).await.unwrap());
    }
    // After this no order comes any more, and what has come can be counted.
    let (tag, cancel) = (orders.tag(), BasicCancelOptions::default());
    third.basic_cancel(tag, cancel).await.unwrap();
    assert_eq!(orders.count().await, 0);
    waiting
}

/// claim: rabbit.prefetch.takes-all
#[tokio::test(flavor = "multi_thread")]
async fn without_a_limit_a_third_worker_gets_nothing() {
    assert_eq!(done_by_the_third("prefetch.unlimited", 0).await, 0);
}

/// claim: rabbit.prefetch.takes-all
#[tokio::test(flavor = "multi_thread")]
async fn with_a_limit_a_third_worker_gets_what_is_over_it_contrast() {
    assert_eq!(done_by_the_third("limited.1", 1).await, 8);
    assert_eq!(done_by_the_third("limited.3", 3).await, 4);
}

/// 2,100 orders are in a queue, and a worker without a limit receives this many. How many stay in
/// the queue?
async fn left_when_one_has(received: u32, queue: &str, arguments: FieldTable) -> u32 {
    let (_shop, shop) = connect(url().await).await;
    let options = QueueDeclareOptions::durable();
    let declared = shop.queue_declare(queue.into(), options, arguments);
    declared.await.unwrap();
    let confirms = ConfirmSelectOptions::default();
    shop.confirm_select(confirms).await.unwrap();
    let mut confirms = Vec::new();
    for _ in 0..2100 {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let sent = shop.basic_publish("".into(), queue.into(), options, b"o-1", properties);
        confirms.push(sent.await.unwrap());
    }
    for confirm in confirms {
        assert!(confirm.await.unwrap().is_ack());
    }
    let (_worker, channel) = connect(url().await).await;
    let mut orders = consume(&channel, queue, false).await;
    for _ in 0..received {
        next(&mut orders).await;
    }
    ready(&shop, queue).await
}

/// claim: rabbit.prefetch.quorum-cap
#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_queue_gives_an_unlimited_worker_2000_orders() {
    let mut arguments = FieldTable::default();
    let quorum = AMQPValue::LongString("quorum".into());
    arguments.insert("x-queue-type".into(), quorum);
    let left = left_when_one_has(2000, "cap.quorum", arguments).await;
    assert_eq!(left, 100);
}

/// claim: rabbit.prefetch.quorum-cap
#[tokio::test(flavor = "multi_thread")]
async fn a_classic_queue_gives_an_unlimited_worker_all_it_has_contrast() {
    let left = left_when_one_has(2100, "cap.classic", FieldTable::default()).await;
    assert_eq!(left, 0);
}

/// claim: rabbit.prefetch.later-consumers
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_set_after_consuming_does_not_hold() {
    let (_shop, channel) = filled("qos.late", 0).await;
    let mut orders = consume(&channel, "qos.late", false).await;
    limit(&channel, 1, false).await;
    // They come after the limit: a consumer for which it held would get one of them.
    for order in 1..=5 {
        let stored = publish(&channel, "qos.late", &format!("o-{order}")).await;
        assert!(stored.is_ack());
    }
    for _ in 0..5 {
        next(&mut orders).await;
    }
}

/// claim: rabbit.prefetch.later-consumers
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_set_before_consuming_holds_contrast() {
    let (_shop, channel) = filled("qos.early", 5).await;
    limit(&channel, 1, false).await;
    let _orders = consume(&channel, "qos.early", false).await;
    assert_eq!(ready(&channel, "qos.early").await, 4);
}

/// Five orders, and consumers on one channel with a limit of 1: how many orders do they hold
/// together?
async fn held_together(queue: &str, consumers: u32, global: bool) -> u32 {
    let (_shop, channel) = filled(queue, 5).await;
    limit(&channel, 1, global).await;
    // A consumer of lapin is cancelled when it is dropped.
    let mut kept = Vec::new();
    for _ in 0..consumers {
        kept.push(consume(&channel, queue, false).await);
    }
    5 - ready(&channel, queue).await
}

/// claim: rabbit.prefetch.per-consumer
#[tokio::test(flavor = "multi_thread")]
async fn each_consumer_of_a_channel_has_the_limit() {
    assert_eq!(held_together("each", 2, false).await, 2);
    // Older brokers know a limit for the channel as a whole, for classic queues.
    if since(shared().await, "4.3.0") {
        assert_eq!(held_together("each.global", 2, true).await, 2);
    }
}

/// claim: rabbit.prefetch.per-consumer
#[tokio::test(flavor = "multi_thread")]
async fn one_consumer_holds_one_contrast() {
    assert_eq!(held_together("prefetch.alone", 1, false).await, 1);
}

/// A worker with this limit dies in its first order. The second order as the next worker gets it:
/// whether it is marked as redelivered, and how many deliveries of it have failed.
async fn the_second_after_a_crash(queue: &str, prefetch: u16) -> (bool, Option<i64>) {
    let (_shop, _) = filled(queue, 3).await;
    let (worker, channel) = connect(url().await).await;
    limit(&channel, prefetch, false).await;
    let mut orders = consume(&channel, queue, false).await;
    assert_eq!(next(&mut orders).await.data, b"o-1");
    worker.close(200, "crash".into()).await.unwrap();
    let (_next, channel) = connect(url().await).await;
    let mut orders = consume(&channel, queue, false).await;
    assert_eq!(next(&mut orders).await.data, b"o-1");
    let second = next(&mut orders).await;
    assert_eq!(second.data, b"o-2");
    (second.redelivered, failures(&second))
}

fn failures(order: &Delivery) -> Option<i64> {
    let headers = order.properties.headers().as_ref()?;
    headers.inner().get("x-delivery-count")?.as_long_long_int()
}

/// claim: rabbit.prefetch.bystanders
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_waited_in_a_dead_worker_counts_as_failed() {
    let second = the_second_after_a_crash("bystanders", 3).await;
    assert_eq!(second, (true, Some(1)));
}

/// claim: rabbit.prefetch.bystanders
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_waited_in_the_queue_does_not_contrast() {
    let second = the_second_after_a_crash("no.bystanders", 1).await;
    assert_eq!(second, (false, None));
}

/// Five orders, a worker that names no limit, or 0, which is none: how many does it hold?
async fn held_without_limit(url: &str, queue: &str, names_none: bool) -> u32 {
    let (_shop, shop) = connect(url).await;
    declare_quorum(&shop, queue).await;
    let confirms = ConfirmSelectOptions::default();
    shop.confirm_select(confirms).await.unwrap();
    for order in 1..=5 {
        publish(&shop, queue, &format!("o-{order}")).await;
    }
    let (_worker, channel) = connect(url).await;
    if names_none {
        let qos = channel.basic_qos(0, BasicQosOptions::default()).await;
        qos.unwrap();
    }
    let _orders = consume(&channel, queue, false).await;
    5 - ready(&shop, queue).await
}

/// claim: rabbit.prefetch.broker-default
#[tokio::test(flavor = "multi_thread")]
async fn the_brokers_default_holds_for_who_asks_for_none() {
    let mut broker = private().await;
    let set = "application:set_env(rabbit, default_consumer_prefetch, {false, 2}).";
    broker.control(&["eval", set]).await.unwrap();
    let held = held_without_limit(broker.url(), "prefetch.orders", false).await;
    assert_eq!(held, 2);
    let held = held_without_limit(broker.url(), "prefetch.none", true).await;
    assert_eq!(held, 5, "who names none has none");
    broker.stop().await.unwrap();
}

/// claim: rabbit.prefetch.broker-default
#[tokio::test(flavor = "multi_thread")]
async fn without_the_brokers_default_there_is_no_limit_contrast() {
    let held = held_without_limit(url().await, "no.default", false).await;
    assert_eq!(held, 5);
}
