//! ch02-nats-jetstream: how a reader asks, what it is told, and what there is for one that comes later.

use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::pull::{self, MessagesErrorKind};
use async_nats::jetstream::stream::RetentionPolicy;
use futures_util::StreamExt;
use tokio::time::{sleep, timeout};

use super::shop::{LONG, connect, next, server, subscribed};
use super::store::{ask, held, shop, store};

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

/// A reader asks for two orders within a second, and works on the first one for this long. Whether it
/// gets the second one, which the server has delivered.
async fn second_after(work: Duration) -> bool {
    let nats = server().await;
    let (jetstream, inventory) = shop(&connect(&nats).await, |_, _| {}).await;
    store(&jetstream, 2).await;
    let request = inventory.batch().max_messages(2);
    let request = request.expires(Duration::from_secs(2));
    let mut orders = request.messages().await.unwrap();
    let first = timeout(LONG, orders.next()).await.unwrap();
    first.unwrap().unwrap();
    // Work that lasts, which is the fault here.
    sleep(work).await;
    let second = timeout(LONG, orders.next()).await.unwrap();
    let info = inventory.get_info().await.unwrap();
    assert_eq!(info.num_ack_pending, 2);
    second.is_some()
}

/// claim: nats.batch.expires
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_gives_up_what_it_holds_five_seconds_after_it_expires() {
    assert!(!second_after(Duration::from_secs(8)).await);
}

/// claim: nats.batch.expires
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_gives_up_what_it_holds_five_seconds_after_it_expires_contrast() {
    // The request has expired by then, and the five seconds are not over.
    assert!(second_after(Duration::from_secs(3)).await);
}

/// A reader that expects a word from the server every three seconds.
async fn messages(nats: &brokers::Broker) -> pull::Stream {
    // A durable one: another one the server deletes while it hangs.
    let (_, consumer) = shop(&connect(nats).await, |_, _| {}).await;
    let stream = consumer.stream().heartbeat(Duration::from_secs(3));
    stream.messages().await.unwrap()
}

/// claim: nats.messages.missing-heartbeat
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_hears_nothing_says_so_and_goes_on() {
    let mut nats = server().await;
    let mut orders = messages(&nats).await;
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
    let mut orders = messages(&nats).await;
    // It would be told of a silence after six seconds.
    let quiet = timeout(Duration::from_secs(8), orders.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
}

/// A consumer is deleted, while a request of a reader waits there or before it has asked, and made anew.
/// What the reader is told, and whether it gets an order after that.
async fn deleted(while_asked: bool) -> (MessagesErrorKind, bool) {
    let nats = server().await;
    let (jetstream, inventory) = shop(&connect(&nats).await, |_, _| {}).await;
    store(&jetstream, 1).await;
    let expires = Duration::from_secs(if while_asked { 30 } else { 1 });
    let orders = inventory.stream().expires(expires).messages().await;
    let mut orders = orders.unwrap();
    if while_asked {
        // One of the 200 that it asks for.
        let first = timeout(LONG, orders.next()).await.unwrap();
        first.unwrap().unwrap();
    }
    let stream = jetstream.get_stream("SHOP").await.unwrap();
    stream.delete_consumer("inventory").await.unwrap();
    let told = timeout(LONG, orders.next()).await.unwrap().unwrap();
    let config = pull::Config {
        durable_name: Some("inventory".into()),
        ..Default::default()
    };
    stream.create_consumer(config).await.unwrap();
    let goes_on = async {
        loop {
            match orders.next().await {
                Some(Ok(_)) => return true,
                // It may be told so again.
                Some(Err(_)) => {}
                None => return false,
            }
        }
    };
    let goes_on = timeout(LONG, goes_on).await.unwrap();
    (told.unwrap_err().kind(), goes_on)
}

/// claim: nats.messages.no-responders
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_whose_request_nobody_took_asks_again() {
    let (told, goes_on) = deleted(false).await;
    assert_eq!((told, goes_on), (MessagesErrorKind::NoResponders, true));
}

/// claim: nats.messages.no-responders
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_whose_consumer_is_deleted_ends_contrast() {
    let (told, goes_on) = deleted(true).await;
    assert_eq!((told, goes_on), (MessagesErrorKind::ConsumerDeleted, false));
}

/// Four orders, all acknowledged, in a stream with this retention.
async fn acknowledged(nats: &brokers::Broker, retention: RetentionPolicy) -> Context {
    let (jetstream, inventory) = shop(&connect(nats).await, |stream, _| {
        stream.retention = retention;
    })
    .await;
    store(&jetstream, 4).await;
    let orders = ask(&inventory, 4, LONG).await;
    assert_eq!(orders.len(), 4);
    for order in orders {
        order.double_ack().await.unwrap();
    }
    jetstream
}

/// claim: nats.stream.keeps
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_keeps_what_is_acknowledged() {
    let nats = server().await;
    let jetstream = acknowledged(&nats, RetentionPolicy::Limits).await;
    // One that comes later, with a note of its own.
    let stream = jetstream.get_stream("SHOP").await.unwrap();
    let analytics = stream.create_consumer(pull::Config::default()).await;
    assert_eq!(ask(&analytics.unwrap(), 4, LONG).await.len(), 4);
}

/// claim: nats.stream.keeps
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_keeps_what_is_acknowledged_contrast() {
    let nats = server().await;
    let jetstream = acknowledged(&nats, RetentionPolicy::WorkQueue).await;
    let gone = async { while held(&jetstream).await > 0 {} };
    timeout(LONG, gone).await.unwrap();
}

/// Nobody asks a consumer without a name, nor one with a `name` alone, nor `inventory`, whose name is a
/// durable one. When the server tells that it has deleted the first two, and whether the third one is
/// still there then.
async fn left_alone() -> (Duration, bool) {
    let nats = server().await;
    let client = connect(&nats).await;
    let (jetstream, inventory) = shop(&client, |_, _| {}).await;
    let deleted = "$JS.EVENT.ADVISORY.CONSUMER.DELETED.SHOP.*";
    let mut deleted = subscribed(&client, deleted).await;
    let stream = jetstream.get_stream("SHOP").await.unwrap();
    let begun = Instant::now();
    let mut left = Vec::new();
    for name in [None, Some("analytics".to_owned())] {
        let config = pull::Config {
            name,
            ..Default::default()
        };
        let consumer = stream.create_consumer(config).await.unwrap();
        left.push(consumer.cached_info().name.clone());
    }
    let first = next(&mut deleted).await.subject;
    let after = begun.elapsed();
    let second = next(&mut deleted).await.subject;
    for name in left {
        let told = [&first, &second].map(|subject| subject.ends_with(&name));
        assert!(told.contains(&true), "{name}: {first} and {second}");
    }
    (after, inventory.get_info().await.is_ok())
}

/// claim: nats.consumer.no-name
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_without_a_name_goes_when_nobody_asks() {
    let (after, _) = left_alone().await;
    assert!(after >= Duration::from_secs(5), "{after:?}");
}

/// claim: nats.consumer.no-name
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_without_a_name_goes_when_nobody_asks_contrast() {
    let (_, inventory_is_there) = left_alone().await;
    assert!(inventory_is_there, "its name is durable");
}
