//! ch03-rabbit-dead-letter: how a dead letter travels, at most once or at least once.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use lapin::ExchangeKind;
use lapin::message::Delivery;
use lapin::options::ExchangeDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::dead_letter::{Failure, fail};
use super::shop::{
    PATIENCE, bind, bodies, confirming, connect, consume, declare, next, publish, text,
};
use super::tuned::{Tuned, tuned};

/// How long a queue waits before it sends an unconfirmed dead letter again, in milliseconds.
const RETRY: &str = "dead_letter_worker_publisher_confirm_timeout";
/// No dead letter comes for so long: three times the shorter retry.
const QUIET: Duration = Duration::from_millis(900);

/// How a queue sends its dead letters, and what it does when it is full.
fn with(strategy: &str, overflow: &str) -> [(&'static str, AMQPValue); 2] {
    [
        ("x-dead-letter-strategy", text(strategy)),
        ("x-overflow", text(overflow)),
    ]
}

/// o-3 becomes a dead letter while nothing is bound to the exchange, then a queue is bound, then
/// o-4 becomes one. What the bound queue gets, and so many must come.
async fn unrouted(name: &str, more: &[(&str, AMQPValue)], retry: u32, come: usize) -> Vec<String> {
    // One test at a time: the setting is the whole broker's.
    static TURN: Mutex<u32> = Mutex::const_new(0);
    let mut set = TURN.lock().await;
    let broker = tuned().await;
    if *set != retry {
        let retry = format!("application:set_env(rabbit, {RETRY}, {retry}).");
        broker.control(&["eval", &retry]).await;
    }
    *set = retry;
    let (_shop, channel) = confirming(&broker.url).await;
    let (exchange, dead) = (format!("{name}.exchange"), format!("{name}.dead"));
    let (options, none) = (ExchangeDeclareOptions::default(), FieldTable::default());
    let fanout = ExchangeKind::Fanout;
    let declared = channel.exchange_declare(exchange.as_str().into(), fanout, options, none);
    declared.await.unwrap();
    let sends = [("x-dead-letter-exchange", text(&exchange))];
    let tick = broker.tick.lock().await;
    declare(&channel, name, "quorum", &[more, &sends].concat()).await;
    drop(tick);
    declare(&channel, &dead, "quorum", &[]).await;
    let mut orders = consume(&channel, name, false).await;
    assert!(publish(&channel, name, "o-3").await.is_ack());
    fail(&next(&mut orders).await, Failure::Drop).await;
    // The queue takes the commands of a channel in order, so o-3 is a dead letter before o-4 comes.
    assert!(publish(&channel, name, "o-4").await.is_ack());
    let last = next(&mut orders).await;
    bind(&channel, &dead, &exchange, "").await;
    fail(&last, Failure::Drop).await;
    let mut letters = consume(&channel, &dead, true).await;
    let mut found = Vec::new();
    while found.len() < come {
        found.push(next(&mut letters).await);
    }
    // And no other.
    while let Ok(letter) = timeout(QUIET, letters.next()).await {
        found.push(letter.unwrap().unwrap());
    }
    let body = |letter: Delivery| String::from_utf8(letter.data).unwrap();
    found.into_iter().map(body).collect()
}

/// claim: rabbit.dead-letter.at-most-once
#[tokio::test(flavor = "multi_thread")]
async fn by_default_a_dead_letter_without_a_queue_is_gone() {
    let found = unrouted("strategy.once", &[], 300, 1).await;
    assert_eq!(found, ["o-4"]);
}

/// claim: rabbit.dead-letter.at-least-once
/// claim: rabbit.dead-letter.retry
#[tokio::test(flavor = "multi_thread")]
async fn at_least_once_it_is_kept_and_sent_again() {
    let more = with("at-least-once", "reject-publish");
    let mut found = unrouted("kept", &more, 300, 2).await;
    found.sort();
    assert_eq!(found, ["o-3", "o-4"]);
}

/// claim: rabbit.dead-letter.at-most-once
/// claim: rabbit.dead-letter.drop-head
#[tokio::test(flavor = "multi_thread")]
async fn at_least_once_with_reject_publish_loses_no_dead_letter_contrast() {
    let more = with("at-least-once", "reject-publish");
    let found = unrouted("safe", &more, 300, 2).await;
    assert_eq!(found.len(), 2, "{found:?}");
}

/// claim: rabbit.dead-letter.drop-head
#[tokio::test(flavor = "multi_thread")]
async fn at_least_once_with_drop_head_loses_it() {
    let more = with("at-least-once", "drop-head");
    let found = unrouted("fallback", &more, 300, 1).await;
    assert_eq!(found, ["o-4"]);
}

/// claim: rabbit.dead-letter.at-least-once
#[tokio::test(flavor = "multi_thread")]
async fn at_most_once_with_reject_publish_loses_it_contrast() {
    let more = with("at-most-once", "reject-publish");
    let found = unrouted("unsafe", &more, 300, 1).await;
    assert_eq!(found, ["o-4"]);
}

/// What `rabbitmqctl list_queues` counts in the queue, all and ready, once it counts anything: it
/// is some seconds late.
async fn counted(broker: &'static Tuned, queue: &str) -> String {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let columns = ["-q", "list_queues", "name", "messages", "messages_ready"];
        let listed = broker.control(&columns).await;
        let prefix = format!("{queue}\t");
        let counts = listed.lines().find_map(|line| line.strip_prefix(&prefix));
        match counts {
            Some("0\t0") | None => {}
            Some(counts) => return counts.to_owned(),
        }
    }
    panic!("RabbitMQ counts nothing in {queue}");
}

/// claim: rabbit.dead-letter.retry
#[tokio::test(flavor = "multi_thread")]
async fn a_kept_dead_letter_waits_for_the_next_try_contrast() {
    // Ten minutes are far longer than this test. The default is three.
    let more = with("at-least-once", "reject-publish");
    let found = unrouted("waiting", &more, 600_000, 1).await;
    assert_eq!(found, ["o-4"], "a later one does not wait");
}

/// claim: rabbit.dead-letter.unseen
#[tokio::test(flavor = "multi_thread")]
async fn a_kept_dead_letter_is_counted_but_no_consumer_sees_it() {
    let more = with("at-least-once", "reject-publish");
    let found = unrouted("unseen", &more, 600_000, 1).await;
    assert_eq!(found, ["o-4"]);
    let broker = tuned().await;
    assert_eq!(counted(broker, "unseen").await, "1\t0");
    let (_shop, channel) = connect(&broker.url).await;
    assert_eq!(bodies(&channel, "unseen").await, [""; 0]);
}

/// claim: rabbit.dead-letter.unseen
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_waits_is_counted_as_ready_contrast() {
    let broker = tuned().await;
    let (_shop, channel) = confirming(&broker.url).await;
    let tick = broker.tick.lock().await;
    declare(&channel, "ready", "quorum", &[]).await;
    drop(tick);
    assert!(publish(&channel, "ready", "o-3").await.is_ack());
    assert_eq!(counted(broker, "ready").await, "1\t1");
    assert_eq!(bodies(&channel, "ready").await, ["o-3"]);
}
