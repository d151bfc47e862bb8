//! ch03-rabbit-connection: what becomes of a connection, its publisher and its consumer when
//! something happens to it.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::*;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ErrorKind, Event,
};
use tokio::time::timeout;

use super::relay::Relay;
use super::shop::{
    PATIENCE, bodies, connect, consume, declare_quorum, filled, next, private, publish, ready, url,
};

/// The deadline of a wait for something that must not come.
pub const NEVER: Duration = Duration::from_millis(500);

pub async fn recovering(url: &str, recover: bool) -> (Connection, Channel) {
    let mut properties = ConnectionProperties::default();
    if recover {
        properties = properties.enable_auto_recover().configure_backoff(|tries| {
            let tries = tries.with_min_delay(Duration::from_millis(50));
            tries
                .with_max_delay(Duration::from_millis(50))
                .with_max_times(1000)
        });
    }
    let connection = Connection::connect(url, properties).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

pub async fn send(
    channel: &Channel,
    queue: &str,
    body: &str,
) -> lapin::Result<lapin::PublisherConfirm> {
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let (exchange, body) = ("".into(), body.as_bytes());
    channel
        .basic_publish(exchange, queue.into(), options, body, properties)
        .await
}

/// An order is stored, and the answer is lost with the connection or not. What the publisher
/// learns, and how many orders are in the queue.
async fn answer(queue: &str, cut: bool) -> (lapin::Result<Confirmation>, u32) {
    let (_shop, watch) = filled(queue, 0).await;
    let mut relay = Relay::before(url().await).await;
    let (_orders, orders) = recovering(&relay.url, true).await;
    orders
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    if cut {
        relay.lose_answers();
    }
    let confirm = send(&orders, queue, "o-1").await.unwrap();
    let stored = async { while ready(&watch, queue).await == 0 {} };
    timeout(PATIENCE, stored).await.unwrap();
    if cut {
        relay.down().await;
        relay.up().await;
    }
    (
        timeout(PATIENCE, confirm).await.unwrap(),
        ready(&watch, queue).await,
    )
}

/// claim: rabbit.recovery.confirm-unknown
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_is_an_error_although_the_order_is_stored() {
    let (answer, stored) = answer("unknown", true).await;
    assert!(answer.is_err(), "{answer:?}");
    assert_eq!(stored, 1);
}

/// claim: rabbit.recovery.confirm-unknown
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_arrives_says_that_it_is_stored_contrast() {
    let (answer, stored) = answer("known", false).await;
    assert_eq!((answer.unwrap(), stored), (Confirmation::Ack(None), 1));
}

/// claim: rabbit.recovery.confirm-unknown
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_lost_gives_the_same_error() {
    let (_shop, watch) = filled("unknown.lost", 0).await;
    let mut relay = Relay::before(url().await).await;
    let (_orders, orders) = recovering(&relay.url, true).await;
    let confirms = ConfirmSelectOptions::default();
    orders.confirm_select(confirms).await.unwrap();
    relay.lose_questions();
    let confirm = send(&orders, "unknown.lost", "o-1").await.unwrap();
    relay.down().await;
    relay.up().await;
    let lost = timeout(PATIENCE, confirm).await.unwrap().unwrap_err();
    assert_eq!(ready(&watch, "unknown.lost").await, 0);
    let (stored, _) = answer("unknown.stored", true).await;
    for error in [lost, stored.unwrap_err()] {
        assert!(matches!(error.kind(), ErrorKind::IOError(_)), "{error}");
    }
}

/// The connection is gone, and there is no way to the broker. Whether a publisher whose order is
/// unanswered hears of it before there is one, and what it hears.
async fn hears_before_the_end(queue: &str, recover: bool) -> bool {
    let (_shop, watch) = filled(queue, 0).await;
    let mut relay = Relay::before(url().await).await;
    let (_orders, orders) = recovering(&relay.url, recover).await;
    orders
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    relay.lose_answers();
    let mut confirm = send(&orders, queue, "o-1").await.unwrap();
    let stored = async { while ready(&watch, queue).await == 0 {} };
    timeout(PATIENCE, stored).await.unwrap();
    relay.down().await;
    // Without recovery it must come, however late.
    let wait = if recover { NEVER } else { PATIENCE };
    let heard = timeout(wait, &mut confirm)
        .await
        .is_ok_and(|answer| answer.is_err());
    if !heard {
        relay.up().await;
        assert!(timeout(PATIENCE, confirm).await.unwrap().is_err());
    }
    heard
}

/// claim: rabbit.recovery.answer-waits
#[tokio::test(flavor = "multi_thread")]
async fn with_recovery_an_unanswered_order_is_so_until_there_is_a_connection() {
    assert!(!hears_before_the_end("waits", true).await);
}

/// claim: rabbit.recovery.answer-waits
#[tokio::test(flavor = "multi_thread")]
async fn without_recovery_it_is_an_error_at_once_contrast() {
    assert!(hears_before_the_end("waits.not", false).await);
}

/// Returns when RabbitMQ has found that the connection is gone, and put its order back to the other.
async fn both_are_back(watch: &Channel, queue: &str) {
    let back = async { while ready(watch, queue).await < 2 {} };
    timeout(PATIENCE, back).await.unwrap();
}

/// A worker has the first of two orders when the connection is cut. What its stream gives next.
pub async fn next_after_a_cut(
    queue: &str,
    recover: bool,
) -> Option<lapin::Result<(Vec<u8>, bool)>> {
    let (_shop, watch) = filled(queue, 2).await;
    let mut relay = Relay::before(url().await).await;
    let (_worker, channel) = recovering(&relay.url, recover).await;
    channel
        .basic_qos(1, BasicQosOptions::default())
        .await
        .unwrap();
    let mut orders = consume(&channel, queue, false).await;
    next(&mut orders).await;
    relay.down().await;
    both_are_back(&watch, queue).await;
    relay.up().await;
    let next = timeout(PATIENCE, orders.next()).await.unwrap();
    next.map(|order| order.map(|order| (order.data.clone(), order.redelivered)))
}

/// claim: rabbit.recovery.consumer
#[tokio::test(flavor = "multi_thread")]
async fn with_recovery_the_stream_goes_on_with_what_was_unacknowledged() {
    let next = next_after_a_cut("goes.on", true).await;
    assert_eq!(next.unwrap().unwrap(), (b"o-1".to_vec(), true));
}

/// claim: rabbit.recovery.consumer
#[tokio::test(flavor = "multi_thread")]
async fn without_recovery_the_stream_gives_an_error_contrast() {
    let next = next_after_a_cut("goes.not", false).await;
    assert!(next.unwrap().is_err());
}

/// A worker acknowledges an order, after a recovery or without one. What `ack` says, and which
/// order comes next.
async fn acknowledged(queue: &str, cut: bool) -> (bool, Vec<u8>) {
    let (_shop, watch) = filled(queue, 2).await;
    let mut relay = Relay::before(url().await).await;
    let (_worker, channel) = recovering(&relay.url, true).await;
    channel
        .basic_qos(1, BasicQosOptions::default())
        .await
        .unwrap();
    let mut orders = consume(&channel, queue, false).await;
    let first = next(&mut orders).await;
    if cut {
        relay.down().await;
        both_are_back(&watch, queue).await;
        relay.up().await;
        let again = next(&mut orders).await;
        let acknowledged = first.ack(BasicAckOptions::default()).await.unwrap();
        return (acknowledged, again.data);
    }
    let acknowledged = first.ack(BasicAckOptions::default()).await.unwrap();
    (acknowledged, next(&mut orders).await.data)
}

/// claim: rabbit.recovery.old-ack
#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_from_before_the_recovery_is_none() {
    assert_eq!(
        acknowledged("old.ack", true).await,
        (false, b"o-1".to_vec())
    );
}

/// claim: rabbit.recovery.old-ack
#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_on_the_same_connection_counts_contrast() {
    assert_eq!(
        acknowledged("new.ack", false).await,
        (true, b"o-2".to_vec())
    );
}

/// A queue is deleted under its consumer and made again, or left alone; an order comes. What the
/// consumer's stream gives, and whether the connection stands.
async fn given_to_the_consumer(queue: &str, delete: bool) -> (Option<Vec<u8>>, bool) {
    let (_shop, shop) = filled(queue, 0).await;
    let (worker, channel) = recovering(url().await, true).await;
    let mut orders = consume(&channel, queue, false).await;
    let mut ended = false;
    if delete {
        let options = QueueDeleteOptions::default();
        shop.queue_delete(queue.into(), options).await.unwrap();
        // RabbitMQ tells it a little later. Who has not been told when there is a queue of this
        // name again consumes from that one.
        ended = timeout(PATIENCE, orders.next()).await.unwrap().is_none();
        declare_quorum(&shop, queue).await;
    }
    assert!(publish(&shop, queue, "o-1").await.is_ack());
    if ended {
        return (None, worker.status().connected());
    }
    let next = timeout(PATIENCE, orders.next()).await.unwrap();
    let given = next.map(|order| order.unwrap().data);
    (given, worker.status().connected())
}

/// claim: rabbit.cancel.silent
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_whose_queue_is_deleted_ends_without_an_error() {
    assert_eq!(given_to_the_consumer("cancelled", true).await, (None, true));
}

/// claim: rabbit.cancel.silent
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_whose_queue_stays_gets_the_order_contrast() {
    let order = Some(b"o-1".to_vec());
    assert_eq!(
        given_to_the_consumer("not.cancelled", false).await,
        (order, true)
    );
}

/// The disk is full or not. An order is published, and a worker, on the connection that publishes
/// or on its own, acknowledges the first of two orders.
#[derive(Debug, PartialEq, Eq)]
struct Alarm {
    /// What the connection that publishes says.
    blocked: Option<String>,
    /// Whether the order is confirmed while the disk is full.
    confirmed: bool,
    /// Whether the call that publishes another one returns.
    returns: bool,
    /// Whether that one, which is given up, is stored when there is room again.
    given_up_is_stored: bool,
    /// Whether it is when there is room again.
    in_the_end: bool,
    /// Whether the worker gets the second order while the disk is full.
    worker_goes_on: bool,
}

async fn alarm(own_connection: bool) -> Alarm {
    let mut broker = private().await;
    let (shop, channel) = connect(broker.url()).await;
    declare_quorum(&channel, "connection.orders").await;
    let confirms = ConfirmSelectOptions::default();
    channel.confirm_select(confirms).await.unwrap();
    for order in ["o-1", "o-2"] {
        assert!(publish(&channel, "connection.orders", order).await.is_ack());
    }
    let (_own, own) = connect(broker.url()).await;
    let worker = match own_connection {
        true => own,
        false => shop.create_channel().await.unwrap(),
    };
    worker
        .basic_qos(1, BasicQosOptions::default())
        .await
        .unwrap();
    let mut orders = consume(&worker, "connection.orders", false).await;
    let first = next(&mut orders).await;
    let mut events = shop.events_listener();
    let full = ["set_disk_free_limit", "1000000GB"];
    broker.control(&full).await.unwrap();
    let mut confirm = send(&channel, "connection.orders", "o-3").await.unwrap();
    let blocked = async {
        loop {
            if let Some(Event::ConnectionBlocked(reason)) = events.next().await {
                return reason;
            }
        }
    };
    let blocked = timeout(PATIENCE, blocked).await.unwrap();
    let given_up = send(&channel, "connection.orders", "o-4");
    let returns = timeout(NEVER, given_up).await.is_ok();
    // On the blocked connection this waits as well. On another one it comes, however late.
    let wait = if own_connection { PATIENCE } else { NEVER };
    let ack = timeout(wait, first.ack(BasicAckOptions::default())).await;
    assert_eq!(ack.is_ok(), own_connection, "{ack:?}");
    let worker_goes_on = timeout(wait, orders.next()).await.is_ok();
    let confirmed = timeout(NEVER, &mut confirm).await.is_ok();
    let room = ["set_disk_free_limit", "1MB"];
    broker.control(&room).await.unwrap();
    let answer = timeout(PATIENCE, confirm).await.unwrap();
    // On the same channel, so what was published before it has arrived as well.
    assert!(publish(&channel, "connection.orders", "o-5").await.is_ack());
    let (_watch, watch) = connect(broker.url()).await;
    let stored = bodies(&watch, "connection.orders").await;
    broker.stop().await.unwrap();
    Alarm {
        blocked: Some(blocked),
        confirmed,
        returns,
        given_up_is_stored: stored.contains(&"o-4".to_owned()),
        in_the_end: answer.unwrap().is_ack(),
        worker_goes_on,
    }
}

/// claim: rabbit.alarm.blocks-publishers
/// claim: rabbit.alarm.publish-waits
/// claim: rabbit.alarm.own-connection
#[tokio::test(flavor = "multi_thread")]
async fn without_disk_who_publishes_waits_and_who_consumes_goes_on() {
    let expected = Alarm {
        blocked: Some("low on disk".to_owned()),
        confirmed: false,
        returns: false,
        given_up_is_stored: true,
        in_the_end: true,
        worker_goes_on: true,
    };
    assert_eq!(alarm(true).await, expected);
}

/// claim: rabbit.alarm.own-connection
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_on_a_connection_that_publishes_stands_still_contrast() {
    assert!(!alarm(false).await.worker_goes_on);
}

/// claim: rabbit.alarm.blocks-publishers
/// claim: rabbit.alarm.publish-waits
#[tokio::test(flavor = "multi_thread")]
async fn with_disk_an_order_is_confirmed_contrast() {
    let (shop, channel) = filled("no.alarm", 0).await;
    assert!(publish(&channel, "no.alarm", "o-1").await.is_ack());
    assert!(!shop.status().blocked());
}

/// The broker stands still and closes nothing. Does the client give the connection up, with a
/// heartbeat of so many seconds? 0 does not switch it off: then the broker's 60 s hold, and it has not
/// after five seconds.
async fn notices(heartbeat: u32) -> bool {
    let mut broker = private().await;
    let url = format!("{}?heartbeat={heartbeat}", broker.url());
    // On a connection with a short heartbeat nothing may take long.
    let (_setup, setup) = connect(broker.url()).await;
    declare_quorum(&setup, "connection.orders").await;
    let (shop, channel) = connect(&url).await;
    let mut orders = consume(&channel, "connection.orders", false).await;
    broker.pause().await.unwrap();
    // With the broker's 60 s lapin would give up after 120 s.
    let wait = if heartbeat > 0 {
        PATIENCE
    } else {
        Duration::from_secs(5)
    };
    let noticed = timeout(wait, orders.next()).await;
    broker.resume().await.unwrap();
    drop(shop);
    broker.stop().await.unwrap();
    noticed.is_ok_and(|next| next.unwrap().is_err())
}

/// claim: rabbit.heartbeat.notices
#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_notices_a_broker_that_stands_still() {
    assert!(notices(1).await);
}

/// claim: rabbit.heartbeat.notices
#[tokio::test(flavor = "multi_thread")]
async fn with_the_brokers_60_s_nobody_notices_so_soon_contrast() {
    assert!(!notices(0).await);
}
