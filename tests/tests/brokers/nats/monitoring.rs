//! ch06-monitoring: what the server's account of a consumer counts.

use std::time::Duration;

use async_nats::jetstream::AckKind;
use tokio::time::timeout;

use super::shop::{LONG, connect, server};
use super::store::{ask, ask_one, shop, store};

/// Four orders, of which a worker takes so many: what is pending, and what waits for its
/// acknowledgement.
async fn taken(count: usize) -> (u64, usize) {
    let nats = server().await;
    let (jetstream, mut inventory) = shop(&connect(&nats).await, |_, _| {}).await;
    store(&jetstream, 4).await;
    // A consumer hears of what is stored a moment later than its publisher.
    let pending = async { while inventory.info().await.unwrap().num_pending != 4 {} };
    timeout(LONG, pending).await.unwrap();
    let held = ask(&inventory, count, LONG).await;
    assert_eq!(held.len(), count);
    let info = inventory.info().await.unwrap();
    (info.num_pending, info.num_ack_pending)
}

/// claim: nats.metrics.pending
#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_holds_is_not_pending() {
    assert_eq!(taken(4).await, (0, 4));
}

/// claim: nats.metrics.pending
#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_holds_is_not_pending_contrast() {
    assert_eq!(taken(1).await, (3, 1));
}

/// One order is handed back, comes again, and is acknowledged or not. How many are redelivered.
async fn redelivered(acknowledged: bool) -> usize {
    let nats = server().await;
    let (jetstream, mut inventory) = shop(&connect(&nats).await, |_, _| {}).await;
    store(&jetstream, 1).await;
    let first = ask_one(&inventory, LONG).await.unwrap();
    let nak = async_nats::jetstream::AckKind::Nak(None);
    first.ack_with(nak).await.unwrap();
    let again = ask_one(&inventory, LONG).await.unwrap();
    if acknowledged {
        again.double_ack().await.unwrap();
    }
    inventory.info().await.unwrap().num_redelivered
}

/// claim: nats.metrics.redelivered
#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_order_was_never_redelivered() {
    assert_eq!(redelivered(true).await, 0);
}

/// claim: nats.metrics.redelivered
#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_order_was_never_redelivered_contrast() {
    assert_eq!(redelivered(false).await, 1);
}

/// An order is handed back, comes once more, which is the limit, and is answered so. How many are
/// redelivered when none is outstanding any more.
async fn redelivered_at_the_limit(answer: AckKind) -> usize {
    let nats = server().await;
    let client = connect(&nats).await;
    let (jetstream, mut inventory) = shop(&client, |_, config| config.max_deliver = 2).await;
    store(&jetstream, 1).await;
    let first = ask_one(&inventory, LONG).await.unwrap();
    first.double_ack_with(AckKind::Nak(None)).await.unwrap();
    let last = ask_one(&inventory, LONG).await.unwrap();
    last.double_ack_with(answer).await.unwrap();
    let told = async {
        loop {
            // The server gives an order up when somebody asks for the next one.
            let third = ask_one(&inventory, Duration::from_millis(300)).await;
            assert!(third.is_none());
            let info = inventory.info().await.unwrap();
            if info.num_ack_pending == 0 {
                return info.num_redelivered;
            }
        }
    };
    timeout(LONG, told).await.unwrap()
}

/// claim: nats.metrics.given-up
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_given_up_stays_among_the_redelivered() {
    assert_eq!(redelivered_at_the_limit(AckKind::Nak(None)).await, 1);
}

/// claim: nats.metrics.given-up
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_acknowledged_at_its_last_delivery_does_not_contrast() {
    assert_eq!(redelivered_at_the_limit(AckKind::Ack).await, 0);
}

/// Two orders are delivered, and this one is acknowledged. How far the floor is.
async fn floor(acknowledged: usize) -> u64 {
    let nats = server().await;
    let (jetstream, mut inventory) = shop(&connect(&nats).await, |_, _| {}).await;
    store(&jetstream, 2).await;
    let held = ask(&inventory, 2, LONG).await;
    held[acknowledged - 1].double_ack().await.unwrap();
    inventory.info().await.unwrap().ack_floor.stream_sequence
}

/// claim: nats.metrics.ack-floor
#[tokio::test(flavor = "multi_thread")]
async fn the_floor_stands_at_an_order_that_is_not_done() {
    assert_eq!(floor(2).await, 0);
}

/// claim: nats.metrics.ack-floor
#[tokio::test(flavor = "multi_thread")]
async fn the_floor_stands_at_an_order_that_is_not_done_contrast() {
    assert_eq!(floor(1).await, 1);
}

/// claim: nats.metrics.waiting
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_tells_whether_anybody_asks() {
    let nats = server().await;
    let (_, mut inventory) = shop(&connect(&nats).await, |_, _| {}).await;
    let worker = inventory.clone();
    let worker = tokio::spawn(async move { ask_one(&worker, LONG).await });
    let asks = async { while inventory.info().await.unwrap().num_waiting != 1 {} };
    timeout(LONG, asks).await.unwrap();
    worker.abort();
}

/// claim: nats.metrics.waiting
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_tells_whether_anybody_asks_contrast() {
    let nats = server().await;
    let (jetstream, mut inventory) = shop(&connect(&nats).await, |_, _| {}).await;
    store(&jetstream, 1).await;
    // A consumer hears of what is stored a moment later than its publisher.
    let pending = async { while inventory.info().await.unwrap().num_pending != 1 {} };
    timeout(LONG, pending).await.unwrap();
    assert_eq!(inventory.info().await.unwrap().num_waiting, 0);
}
