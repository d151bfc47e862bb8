//! ch03-rabbit-topology: what an error closes, what kinds of queues there are, and what belongs to
//! a channel.

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, Consumer, ErrorKind};
use tokio::time::timeout;

use super::shop::{
    PATIENCE, bodies, confirming, connect, consume, declare_quorum, filled, next, publish, ready,
    text, url,
};

/// What RabbitMQ says to a call: 200, or the code of the error.
pub fn code<T>(answer: Result<T, lapin::Error>) -> u16 {
    match answer.map_err(|error| error.kind().clone()) {
        Ok(_) => 200,
        Err(ErrorKind::ProtocolError(why)) => why.get_id(),
        Err(other) => panic!("{other:?}"),
    }
}

pub const DURABLE: QueueDeclareOptions = options(true, false, false);
pub const EXCLUSIVE: QueueDeclareOptions = options(false, true, false);
const AUTO_DELETE: QueueDeclareOptions = options(true, false, true);
pub const TRANSIENT: QueueDeclareOptions = options(false, false, false);

const fn options(durable: bool, exclusive: bool, auto_delete: bool) -> QueueDeclareOptions {
    QueueDeclareOptions {
        passive: false,
        durable,
        exclusive,
        auto_delete,
        nowait: false,
    }
}

/// Declares a queue of this type with perhaps a limit, and tells what RabbitMQ says.
pub async fn declared(
    channel: &Channel,
    queue: &str,
    kind: &str,
    options: QueueDeclareOptions,
    limit: Option<i32>,
) -> u16 {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text(kind));
    if let Some(limit) = limit {
        arguments.insert("x-max-length".into(), AMQPValue::LongInt(limit));
    }
    code(
        channel
            .queue_declare(queue.into(), options, arguments)
            .await,
    )
}

/// Whether a queue of this name is there, asked on a channel of its own.
pub async fn exists(connection: &Connection, queue: &str) -> bool {
    let channel = connection.create_channel().await.unwrap();
    let passive = QueueDeclareOptions {
        passive: true,
        ..DURABLE
    };
    let answer = channel.queue_declare(queue.into(), passive, FieldTable::default());
    match code(answer.await) {
        200 => true,
        404 => false,
        other => panic!("{other}"),
    }
}

async fn tagged(channel: &Channel, queue: &str, tag: &str) -> Result<Consumer, lapin::Error> {
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    channel
        .basic_consume(queue.into(), tag.into(), options, none)
        .await
}

/// claim: rabbit.declare.again
#[tokio::test(flavor = "multi_thread")]
async fn to_declare_again_with_the_same_arguments_changes_nothing() {
    let (_shop, channel) = filled("again", 1).await;
    assert_eq!(
        declared(&channel, "again", "quorum", DURABLE, None).await,
        200
    );
    assert!(channel.status().connected());
    assert_eq!(bodies(&channel, "again").await, ["o-1"]);
}

/// claim: rabbit.declare.again
/// claim: rabbit.declare.refused
#[tokio::test(flavor = "multi_thread")]
async fn to_declare_again_with_another_argument_is_refused_and_closes_the_channel_contrast() {
    let (_shop, channel) = filled("again.limit", 1).await;
    let answer = declared(&channel, "again.limit", "quorum", DURABLE, Some(9)).await;
    assert_eq!(answer, 406);
    assert!(!channel.status().connected());
}

/// claim: rabbit.declare.refused
#[tokio::test(flavor = "multi_thread")]
async fn whatever_differs_is_refused_and_the_queue_stays_as_it_is() {
    let (connection, _) = filled("refused", 1).await;
    for (kind, options, limit) in [
        ("quorum", DURABLE, Some(9)),
        ("classic", DURABLE, None),
        ("classic", AUTO_DELETE, None),
    ] {
        let channel = connection.create_channel().await.unwrap();
        assert_eq!(
            declared(&channel, "refused", kind, options, limit).await,
            406
        );
        assert!(!channel.status().connected());
    }
    let channel = connection.create_channel().await.unwrap();
    assert_eq!(bodies(&channel, "refused").await, ["o-1"]);
}

/// claim: rabbit.channel-error.connection-lives
#[tokio::test(flavor = "multi_thread")]
async fn an_error_on_a_channel_leaves_the_other_channels_alone() {
    let (connection, work) = filled("lives", 2).await;
    let mut orders = consume(&work, "lives", false).await;
    let order = next(&mut orders).await;
    let other = connection.create_channel().await.unwrap();
    assert_eq!(
        declared(&other, "lives", "quorum", DURABLE, Some(9)).await,
        406
    );
    assert!(connection.status().connected());
    assert!(order.ack(BasicAckOptions::default()).await.unwrap());
    assert_eq!(next(&mut orders).await.data, b"o-2");
}

/// claim: rabbit.channel-error.connection-lives
/// claim: rabbit.consumer-tag.reused
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_tag_that_is_taken_closes_the_connection_with_all_its_channels_contrast() {
    let (connection, channel) = filled("tag", 0).await;
    let other = connection.create_channel().await.unwrap();
    let _first = tagged(&channel, "tag", "payments").await.unwrap();
    assert_eq!(code(tagged(&channel, "tag", "payments").await), 530);
    assert!(!connection.status().connected());
    assert!(!other.status().connected());
}

/// claim: rabbit.consumer-tag.reused
#[tokio::test(flavor = "multi_thread")]
async fn a_tag_is_taken_on_its_channel_only() {
    let (connection, channel) = filled("tags", 0).await;
    let other = connection.create_channel().await.unwrap();
    let _first = tagged(&channel, "tags", "payments").await.unwrap();
    let _second = tagged(&other, "tags", "payments").await.unwrap();
    let again = tagged(&channel, "tags", "payments").await;
    assert_eq!(code(again), 530);
}

/// claim: rabbit.consumer-tag.reused
#[tokio::test(flavor = "multi_thread")]
async fn another_tag_is_taken_well_contrast() {
    let (connection, channel) = filled("tags.two", 0).await;
    let _first = tagged(&channel, "tags.two", "payments").await.unwrap();
    let _second = tagged(&channel, "tags.two", "payments.two").await.unwrap();
    assert!(connection.status().connected());
}

/// A worker holds o-1, and an error closes a channel: its own or another one. What the next worker
/// of the queue gets first.
async fn next_after_an_error(queue: &str, shared: bool) -> Delivery {
    let (connection, work) = filled(queue, 2).await;
    work.basic_qos(1, BasicQosOptions::default()).await.unwrap();
    let mut orders = consume(&work, queue, false).await;
    assert_eq!(next(&mut orders).await.data, b"o-1");
    let other = connection.create_channel().await.unwrap();
    let wrong = if shared { &work } else { &other };
    assert_eq!(
        declared(wrong, queue, "quorum", DURABLE, Some(9)).await,
        406
    );
    if shared {
        // What the closed channel held goes back a little later than its client hears of the end.
        let back = async { while ready(&other, queue).await < 2 {} };
        timeout(PATIENCE, back).await.unwrap();
    }
    let (_next, channel) = connect(url().await).await;
    next(&mut consume(&channel, queue, false).await).await
}

/// claim: rabbit.channel-error.requeues
#[tokio::test(flavor = "multi_thread")]
async fn what_a_closed_channel_held_goes_to_others() {
    let order = next_after_an_error("held", true).await;
    assert_eq!((&order.data[..], order.redelivered), (&b"o-1"[..], true));
}

/// claim: rabbit.channel-error.requeues
#[tokio::test(flavor = "multi_thread")]
async fn what_another_channel_holds_stays_there_contrast() {
    let order = next_after_an_error("still.held", false).await;
    assert_eq!((&order.data[..], order.redelivered), (&b"o-2"[..], false));
}

/// claim: rabbit.publish.missing-exchange
#[tokio::test(flavor = "multi_thread")]
async fn to_publish_to_no_exchange_is_ok_and_closes_the_channel() {
    let (connection, channel) = confirming(url().await).await;
    let (options, properties) = (BasicPublishOptions::default(), Default::default());
    let publish = channel.basic_publish(
        "topology.nowhere".into(),
        "k".into(),
        options,
        b"o-1",
        properties,
    );
    let confirm = publish.await.expect("publish itself is Ok");
    let told = timeout(PATIENCE, confirm).await.unwrap();
    assert_eq!(code(told), 404);
    assert!(!channel.status().connected());
    assert!(connection.status().connected());
}

/// claim: rabbit.publish.missing-exchange
#[tokio::test(flavor = "multi_thread")]
async fn to_publish_to_an_exchange_keeps_the_channel_open_contrast() {
    let (_shop, channel) = filled("topology.somewhere", 1).await;
    assert!(channel.status().connected());
}

/// What another connection may do with a queue: what it gets told when it takes an order, and the
/// order that it has published, as the queue's owner gets it.
async fn of_another_connection(queue: &str, options: QueueDeclareOptions) -> (u16, String) {
    let (_owner, own) = connect(url().await).await;
    assert_eq!(declared(&own, queue, "classic", options, None).await, 200);
    let (other, channel) = confirming(url().await).await;
    assert!(publish(&channel, queue, "o-1").await.is_ack());
    let looking = other.create_channel().await.unwrap();
    let get = looking.basic_get(queue.into(), BasicGetOptions::default());
    let answer = code(get.await);
    looking.close(200, "seen".into()).await.ok();
    // A queue hears of a closed channel without consumers a little later than its client does.
    let mut orders = consume(&own, queue, true).await;
    let first = next(&mut orders).await;
    (answer, String::from_utf8(first.data.clone()).unwrap())
}

/// claim: rabbit.exclusive.locked
#[tokio::test(flavor = "multi_thread")]
async fn an_exclusive_queue_is_locked_for_consumers_and_open_for_publishers() {
    let (answer, order) = of_another_connection("mine", EXCLUSIVE).await;
    assert_eq!(answer, 405);
    assert_eq!(order, "o-1");
}

/// claim: rabbit.exclusive.locked
#[tokio::test(flavor = "multi_thread")]
async fn another_queue_is_not_locked_contrast() {
    let (answer, order) = of_another_connection("ours", DURABLE).await;
    assert_eq!(answer, 200);
    assert_eq!(order, "o-1");
}

/// Whether a queue with an order in it is there before its first consumer, and after its last.
async fn before_and_after_a_consumer(queue: &str, options: QueueDeclareOptions) -> [bool; 2] {
    let (connection, channel) = confirming(url().await).await;
    assert_eq!(
        declared(&channel, queue, "classic", options, None).await,
        200
    );
    assert!(publish(&channel, queue, "o-1").await.is_ack());
    let before = exists(&connection, queue).await;
    let (worker, consuming) = connect(url().await).await;
    let mut orders = consume(&consuming, queue, false).await;
    assert_eq!(next(&mut orders).await.data, b"o-1");
    worker.close(200, "crash".into()).await.unwrap();
    [before, exists(&connection, queue).await]
}

/// claim: rabbit.auto-delete.last-consumer
#[tokio::test(flavor = "multi_thread")]
async fn an_auto_delete_queue_goes_with_its_last_consumer_and_not_before_its_first() {
    let there = before_and_after_a_consumer("automatic", AUTO_DELETE).await;
    assert_eq!(there, [true, false]);
}

/// claim: rabbit.auto-delete.last-consumer
#[tokio::test(flavor = "multi_thread")]
async fn another_queue_stays_contrast() {
    let there = before_and_after_a_consumer("staying", DURABLE).await;
    assert_eq!(there, [true, true]);
}

/// claim: rabbit.quorum.durable-only
#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_queue_is_neither_exclusive_nor_auto_delete_nor_transient() {
    let (connection, _) = connect(url().await).await;
    for options in [EXCLUSIVE, AUTO_DELETE, TRANSIENT] {
        let channel = connection.create_channel().await.unwrap();
        assert_eq!(
            declared(&channel, "lasting", "quorum", options, None).await,
            406
        );
    }
}

/// claim: rabbit.quorum.durable-only
#[tokio::test(flavor = "multi_thread")]
async fn a_classic_queue_may_be_exclusive_or_auto_delete_contrast() {
    let (connection, _) = connect(url().await).await;
    for (queue, options) in [("passing", EXCLUSIVE), ("passing.too", AUTO_DELETE)] {
        let channel = connection.create_channel().await.unwrap();
        assert_eq!(
            declared(&channel, queue, "classic", options, None).await,
            200
        );
    }
}

/// A worker acknowledges o-3 of five that it holds, and its connection ends. What is left.
async fn left_after_the_third(queue: &str, multiple: bool) -> Vec<String> {
    let (_shop, channel) = filled(queue, 5).await;
    let (worker, consuming) = connect(url().await).await;
    let mut orders = consume(&consuming, queue, false).await;
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(next(&mut orders).await);
    }
    assert!(held[2].ack(BasicAckOptions { multiple }).await.unwrap());
    worker.close(200, "crash".into()).await.unwrap();
    bodies(&channel, queue).await
}

/// claim: rabbit.ack.multiple
#[tokio::test(flavor = "multi_thread")]
async fn a_multiple_acknowledgement_covers_all_before_it() {
    let left = left_after_the_third("multiple", true).await;
    assert_eq!(left, ["o-4", "o-5"]);
}

/// claim: rabbit.ack.multiple
#[tokio::test(flavor = "multi_thread")]
async fn a_single_acknowledgement_covers_one_contrast() {
    let left = left_after_the_third("single", false).await;
    assert_eq!(left, ["o-1", "o-2", "o-4", "o-5"]);
}

/// A worker acknowledges its first order so often: what it gets next.
async fn acknowledged(queue: &str, times: u32) -> Option<Result<Delivery, lapin::Error>> {
    let (_shop, channel) = filled(queue, 2).await;
    channel
        .basic_qos(1, BasicQosOptions::default())
        .await
        .unwrap();
    let mut orders = consume(&channel, queue, false).await;
    let order = next(&mut orders).await;
    for _ in 0..times {
        let sent = channel.basic_ack(order.delivery_tag, BasicAckOptions::default());
        sent.await.unwrap();
    }
    let mut last = timeout(PATIENCE, orders.next()).await.unwrap();
    if times > 1 && last.as_ref().is_some_and(Result::is_ok) {
        // RabbitMQ may have sent the second order between the two acknowledgements.
        last = timeout(PATIENCE, orders.next()).await.unwrap();
    }
    last
}

/// claim: rabbit.ack.twice
#[tokio::test(flavor = "multi_thread")]
async fn a_second_acknowledgement_closes_the_channel() {
    let next = acknowledged("topology.twice", 2).await.unwrap();
    assert_eq!(code(next), 406);
}

/// claim: rabbit.ack.twice
#[tokio::test(flavor = "multi_thread")]
async fn after_one_acknowledgement_comes_the_next_order_contrast() {
    let next = acknowledged("once.only", 1).await.unwrap();
    assert_eq!(next.unwrap().data, b"o-2");
}

/// A worker gets its order on one of two channels, each with a consumer, and acknowledges it on that
/// one or on the other: what the consumer there gets next.
async fn acknowledged_on(queue: &str, the_other: bool) -> Option<Result<Delivery, lapin::Error>> {
    let (shop, channel) = filled(queue, 2).await;
    channel
        .basic_qos(1, BasicQosOptions::default())
        .await
        .unwrap();
    let mut orders = consume(&channel, queue, false).await;
    let order = next(&mut orders).await;
    let idle = format!("{queue}.idle");
    let other = shop.create_channel().await.unwrap();
    declare_quorum(&other, &idle).await;
    let mut nothing = consume(&other, &idle, false).await;
    let (by, consumer) = match the_other {
        true => (&other, &mut nothing),
        false => (&channel, &mut orders),
    };
    let sent = by.basic_ack(order.delivery_tag, BasicAckOptions::default());
    sent.await.unwrap();
    timeout(PATIENCE, consumer.next()).await.unwrap()
}

/// claim: rabbit.ack.other-channel
#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_on_another_channel_closes_that_one() {
    let next = acknowledged_on("acked.elsewhere", true).await.unwrap();
    assert_eq!(code(next), 406);
}

/// claim: rabbit.ack.other-channel
#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_on_its_own_channel_brings_the_next_order_contrast() {
    let next = acknowledged_on("acked.here", false).await.unwrap();
    assert_eq!(next.unwrap().data, b"o-2");
}
