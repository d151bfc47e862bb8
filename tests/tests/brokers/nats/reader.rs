//! ch02-nats-jetstream: how a reader asks, and what it is told.

use std::time::Duration;

use async_nats::jetstream::consumer::pull::{self, MessagesErrorKind};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::shop::{LONG, connect, server};
use super::store::{shop, store};

/// How many of 201 orders one request of `fetch` brings.
async fn fetched(max_messages: Option<usize>) -> usize {
    let nats = server().await;
    let (jetstream, inventory) = shop(&connect(&nats).await, |_, _| {}).await;
    store(&jetstream, 201).await;
    let request = inventory.fetch();
    let request = match max_messages {
        Some(count) => request.max_messages(count),
        None => request,
    };
    request.messages().await.unwrap().count().await
}

/// claim: nats.fetch.two-hundred
#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_brings_two_hundred_messages() {
    assert_eq!(fetched(None).await, 200);
}

/// claim: nats.fetch.two-hundred
#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_brings_as_many_as_are_asked_for_contrast() {
    assert_eq!(fetched(Some(300)).await, 201);
}

/// A reader that expects a word from the server each second.
async fn messages(inventory: &pull::Config, nats: &brokers::Broker) -> pull::Stream {
    let (_, consumer) = shop(&connect(nats).await, |_, config| {
        *config = inventory.clone()
    })
    .await;
    let stream = consumer.stream().heartbeat(Duration::from_secs(1));
    stream.messages().await.unwrap()
}

/// claim: nats.messages.missing-heartbeat
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_hears_nothing_says_so_and_goes_on() {
    let mut nats = server().await;
    let mut orders = messages(&pull::Config::default(), &nats).await;
    nats.pause().await.unwrap();
    let silence = timeout(LONG, orders.next()).await.unwrap().unwrap();
    assert_eq!(
        silence.unwrap_err().kind(),
        MessagesErrorKind::MissingHeartbeat
    );
    nats.resume().await.unwrap();
    store(&async_nats::jetstream::new(connect(&nats).await), 1).await;
    // Silence may be told more than once.
    let got = async {
        loop {
            match orders.next().await.unwrap() {
                Ok(order) => return order,
                Err(error) => assert_eq!(error.kind(), MessagesErrorKind::MissingHeartbeat),
            }
        }
    };
    assert_eq!(timeout(LONG, got).await.unwrap().payload, "o-1");
}

/// claim: nats.messages.missing-heartbeat
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_hears_heartbeats_waits_in_peace_contrast() {
    let nats = server().await;
    let mut orders = messages(&pull::Config::default(), &nats).await;
    let quiet = timeout(Duration::from_secs(3), orders.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
}
