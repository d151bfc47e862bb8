//! ch03-rabbit-fanout: an exchange that copies each message to all queues that are bound to it.

use book_tests::since;
use futures_util::StreamExt;
use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, ExchangeKind};

use super::shop::{self, connect, consume, declare_quorum, ready, shared, url};

async fn exchange(channel: &Channel, name: &str, kind: ExchangeKind) {
    let confirms = ConfirmSelectOptions::default();
    channel.confirm_select(confirms).await.unwrap();
    let (options, arguments) = (ExchangeDeclareOptions::default(), FieldTable::default());
    let declared = channel.exchange_declare(name.into(), kind, options, arguments);
    declared.await.unwrap();
}

async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) {
    let (options, arguments) = (QueueBindOptions::default(), FieldTable::default());
    let bound = channel.queue_bind(
        queue.into(),
        exchange.into(),
        key.into(),
        options,
        arguments,
    );
    bound.await.unwrap();
}

/// A quorum queue that is bound.
async fn bound(channel: &Channel, queue: &str, exchange: &str) {
    declare_quorum(channel, queue).await;
    bind(channel, queue, exchange, "").await;
}

async fn publish(channel: &Channel, exchange: &str, body: &str, mandatory: bool) -> Confirmation {
    let options = BasicPublishOptions {
        mandatory,
        ..Default::default()
    };
    let (exchange, key, properties) = (
        exchange.into(),
        "order.created".into(),
        BasicProperties::default(),
    );
    let sent = channel.basic_publish(exchange, key, options, body.as_bytes(), properties);
    sent.await.unwrap().await.unwrap()
}

/// A message is published to an exchange of this kind, to which two queues are bound without a
/// key. How many of them have it?
async fn copies(name: &str, kind: ExchangeKind) -> u32 {
    let (_shop, shop) = connect(url().await).await;
    exchange(&shop, name, kind).await;
    let queues = [format!("email.{name}"), format!("analytics.{name}")];
    for queue in &queues {
        bound(&shop, queue, name).await;
    }
    assert!(publish(&shop, name, "o-1", false).await.is_ack());
    ready(&shop, &queues[0]).await + ready(&shop, &queues[1]).await
}

/// claim: rabbit.fanout.copy
#[tokio::test(flavor = "multi_thread")]
async fn each_bound_queue_gets_a_copy_whatever_the_key() {
    assert_eq!(copies("copy.fanout", ExchangeKind::Fanout).await, 2);
}

/// claim: rabbit.fanout.copy
#[tokio::test(flavor = "multi_thread")]
async fn another_kind_of_exchange_looks_at_the_key_contrast() {
    assert_eq!(copies("copy.direct", ExchangeKind::Direct).await, 0);
}

/// A queue is bound after or before the first of two orders. How many does it get?
async fn had_by_the_queue(name: &str, late: bool) -> u32 {
    let (_shop, shop) = connect(url().await).await;
    exchange(&shop, name, ExchangeKind::Fanout).await;
    let queue = format!("analytics.{name}");
    declare_quorum(&shop, &queue).await;
    if !late {
        bind(&shop, &queue, name, "").await;
    }
    assert!(publish(&shop, name, "o-1", false).await.is_ack());
    bind(&shop, &queue, name, "").await;
    assert!(publish(&shop, name, "o-2", false).await.is_ack());
    ready(&shop, &queue).await
}

/// claim: rabbit.fanout.late-nothing
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_bound_late_gets_nothing_of_what_was_before() {
    assert_eq!(had_by_the_queue("late", true).await, 1);
}

/// claim: rabbit.fanout.late-nothing
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_bound_in_time_gets_all_contrast() {
    // It binds twice here, as a service does that starts again.
    assert_eq!(had_by_the_queue("in.time", false).await, 2);
}

/// claim: rabbit.fanout.one-copy
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_bound_twice_gets_one_copy() {
    let (_shop, shop) = connect(url().await).await;
    exchange(&shop, "fanout.twice", ExchangeKind::Fanout).await;
    declare_quorum(&shop, "email.twice").await;
    for key in ["order.created", "order.*"] {
        bind(&shop, "email.twice", "fanout.twice", key).await;
    }
    assert!(publish(&shop, "fanout.twice", "o-1", false).await.is_ack());
    assert_eq!(ready(&shop, "email.twice").await, 1);
}

/// claim: rabbit.fanout.one-copy
#[tokio::test(flavor = "multi_thread")]
async fn two_queues_that_are_bound_once_get_two_copies_contrast() {
    assert_eq!(copies("two.copies", ExchangeKind::Fanout).await, 2);
}

/// Four orders for two consumers that never acknowledge, on one queue or on a queue each. What
/// the first one gets.
async fn got_by_the_first(name: &str, queues: [&str; 2]) -> Vec<Vec<u8>> {
    let (_shop, shop) = connect(url().await).await;
    exchange(&shop, name, ExchangeKind::Fanout).await;
    let mut consumers = Vec::new();
    for queue in queues {
        bound(&shop, queue, name).await;
        consumers.push(consume(&shop, queue, false).await);
    }
    for order in 1..=4 {
        let body = format!("o-{order}");
        assert!(publish(&shop, name, &body, false).await.is_ack());
    }
    // Both are told of what is theirs before this is answered.
    assert_eq!(ready(&shop, queues[0]).await, 0);
    shop.basic_cancel(consumers[0].tag(), BasicCancelOptions::default())
        .await
        .unwrap();
    let orders = consumers.swap_remove(0);
    orders.map(|order| order.unwrap().data).collect().await
}

/// claim: rabbit.fanout.shared-queue
#[tokio::test(flavor = "multi_thread")]
async fn two_consumers_of_one_queue_share_what_comes() {
    let queue = "email.shared";
    let got = got_by_the_first("shared", [queue, queue]).await;
    assert_eq!(got, [b"o-1", b"o-3"]);
}

/// claim: rabbit.fanout.shared-queue
#[tokio::test(flavor = "multi_thread")]
async fn two_consumers_with_a_queue_each_get_all_contrast() {
    let queues = ["email.each", "analytics.each"];
    let got = got_by_the_first("each.own", queues).await;
    assert_eq!(got, [b"o-1", b"o-2", b"o-3", b"o-4"]);
}

/// A service binds a queue and goes; an order comes. Its queue afterwards: how many orders it has,
/// or the broker's words where there is none.
async fn kept_for_the_absent(name: &str, options: QueueDeclareOptions) -> Result<u32, String> {
    let (_shop, shop) = connect(url().await).await;
    exchange(&shop, name, ExchangeKind::Fanout).await;
    let (service, channel) = connect(url().await).await;
    let queue = format!("inventory.{name}");
    let declared = channel.queue_declare(queue.as_str().into(), options, FieldTable::default());
    declared.await.unwrap();
    bind(&channel, &queue, name, "").await;
    service.close(200, "an update".into()).await.unwrap();
    loop {
        let (_asks, channel) = connect(url().await).await;
        let passive = QueueDeclareOptions::default().passive();
        let asked = channel.queue_declare(queue.as_str().into(), passive, FieldTable::default());
        match asked.await {
            // The broker has not come to it yet.
            Err(error) if error.to_string().contains("RESOURCE_LOCKED") => {}
            Err(error) => return Err(error.to_string()),
            Ok(_) => {
                assert!(publish(&shop, name, "o-1", false).await.is_ack());
                return Ok(ready(&channel, &queue).await);
            }
        }
    }
}

/// claim: rabbit.fanout.absent-kept
#[tokio::test(flavor = "multi_thread")]
async fn a_durable_queue_keeps_the_copies_of_an_absent_service() {
    let kept = kept_for_the_absent("absent", QueueDeclareOptions::durable()).await;
    assert_eq!(kept, Ok(1));
}

/// claim: rabbit.fanout.absent-kept
#[tokio::test(flavor = "multi_thread")]
async fn an_exclusive_queue_goes_with_its_connection_contrast() {
    let kept = kept_for_the_absent("fanout.exclusive", QueueDeclareOptions::exclusive()).await;
    assert!(
        kept.clone().is_err_and(|why| why.contains("NOT_FOUND")),
        "{kept:?}"
    );
}

/// What the broker says to a mandatory message, with this many queues bound.
async fn answer_to_mandatory(name: &str, queues: u32) -> Confirmation {
    let (_shop, shop) = connect(url().await).await;
    exchange(&shop, name, ExchangeKind::Fanout).await;
    for queue in 0..queues {
        bound(&shop, &format!("email.{name}.{queue}"), name).await;
    }
    publish(&shop, name, "o-1", true).await
}

/// claim: rabbit.fanout.any-queue
#[tokio::test(flavor = "multi_thread")]
async fn one_queue_is_enough_for_a_confirm_and_no_return() {
    let answer = answer_to_mandatory("fanout.any.one", 1).await;
    assert_eq!(answer, Confirmation::Ack(None));
}

/// claim: rabbit.fanout.any-queue
#[tokio::test(flavor = "multi_thread")]
async fn without_any_queue_a_mandatory_message_comes_back_contrast() {
    let answer = answer_to_mandatory("fanout.any.none", 0).await;
    assert!(matches!(answer, Confirmation::Ack(Some(_))), "{answer:?}");
}

/// Viewers come with an exclusive queue and go, and an order is published as each goes. How many
/// orders are refused before `viewers` have gone, or until the first one is; and how many email has.
async fn refused_as_viewers_leave(name: &str, viewers: u32, unbind: bool) -> (u32, u32, u32) {
    let (_shop, shop) = connect(url().await).await;
    exchange(&shop, name, ExchangeKind::Fanout).await;
    let email = format!("email.{name}");
    bound(&shop, &email, name).await;
    for published in 1..=viewers {
        let (viewer, channel) = connect(url().await).await;
        let (options, none) = (QueueDeclareOptions::exclusive(), FieldTable::default());
        let declared = channel.queue_declare("".into(), options, none.clone());
        let queue = declared.await.unwrap().name().clone();
        bind(&channel, queue.as_str(), name, "").await;
        if unbind {
            let unbound = channel.queue_unbind(queue, name.into(), "".into(), none);
            unbound.await.unwrap();
        }
        viewer.close(200, "seen enough".into()).await.unwrap();
        let answer = publish(&shop, name, &format!("o-{published}"), false).await;
        if answer.is_nack() {
            // Behind the one in question: when this one is in the queue, so is that, if ever.
            assert!(shop::publish(&shop, &email, "o-1").await.is_ack());
            return (1, published, ready(&shop, &email).await - 1);
        }
    }
    (0, viewers, ready(&shop, &email).await)
}

/// claim: rabbit.fanout.nack-by-leaver
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_goes_can_refuse_what_the_others_have() {
    if !since(shared().await, "4.3.0") {
        return;
    }
    let (refused, published, email) = refused_as_viewers_leave("leaver", 500, false).await;
    assert_eq!(refused, 1, "of {published}");
    assert_eq!(email, published);
}

/// claim: rabbit.fanout.nack-by-leaver
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_unbound_first_refuses_nothing_contrast() {
    let gone = refused_as_viewers_leave("fanout.unbound", 30, true).await;
    assert_eq!(gone, (0, 30, 30));
}
