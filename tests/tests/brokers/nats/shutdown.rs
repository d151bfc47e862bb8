//! ch06-shutdown: what becomes of an order that a worker holds when its connection ends.

use std::time::Duration;

use async_nats::Event;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{self, AckKind};

use super::shop::{LONG, connect, server, until, watched};
use super::store::{ask_one, shop, store};

/// Nothing comes for so long, which is much shorter than the `ack_wait` of 30 s.
const SOON: Duration = Duration::from_secs(1);

/// A worker takes an order, may give it back, and closes its connection in good order. Whether the
/// next worker gets the order within this time.
async fn next_worker_gets_it(given_back: bool, wait: Duration) -> bool {
    let nats = server().await;
    let (worker, mut told) = watched(nats.url()).await;
    let (jetstream, inventory) = shop(&worker, |_, _| {}).await;
    store(&jetstream, 1).await;
    let order = ask_one(&inventory, LONG).await.unwrap();
    if given_back {
        order.double_ack_with(AckKind::Nak(None)).await.unwrap();
    }
    worker.drain().await.unwrap();
    until(Event::Closed, &mut told).await;
    let next = jetstream::new(connect(&nats).await);
    let stream = next.get_stream("SHOP").await.unwrap();
    let mut inventory: PullConsumer = stream.get_consumer("inventory").await.unwrap();
    let comes = ask_one(&inventory, wait).await.is_some();
    assert_eq!(inventory.info().await.unwrap().num_ack_pending, 1);
    comes
}

/// claim: nats.close.keeps-delivered
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_connection_gives_nothing_back() {
    assert!(!next_worker_gets_it(false, SOON).await);
}

/// claim: nats.close.keeps-delivered
#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_back_before_comes_at_once_contrast() {
    assert!(next_worker_gets_it(true, LONG).await);
}
