//! ch06-poison: what JetStream does with a message that fails again and again.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{self, RawMessageErrorKind, RetentionPolicy};
use async_nats::jetstream::{AckKind, Context};
use brokers::Broker;
use tokio::time::timeout;

use super::shop::{LONG, connect, next, server, subscribed};
use super::store::{ask_one, held, shop, store};

/// Nothing comes for so long.
const SOON: Duration = Duration::from_millis(300);
const GIVEN_UP: &str = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.SHOP.inventory";

/// The worker answers so to the first of two orders. The order that it gets next.
async fn next_after(answer: AckKind) -> String {
    let nats = server().await;
    let (jetstream, inventory) = shop(&connect(&nats).await, |_, _| {}).await;
    store(&jetstream, 2).await;
    let first = ask_one(&inventory, LONG).await.unwrap();
    assert_eq!(&first.payload[..], b"o-1");
    first.double_ack_with(answer).await.unwrap();
    let second = ask_one(&inventory, LONG).await.unwrap();
    String::from_utf8(second.payload.to_vec()).unwrap()
}

/// claim: nats.nak.front
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_refused_comes_before_new_ones() {
    assert_eq!(next_after(AckKind::Nak(None)).await, "o-1");
}

/// claim: nats.nak.front
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_refused_for_a_while_lets_others_pass_contrast() {
    assert_eq!(next_after(AckKind::Nak(Some(LONG))).await, "o-2");
}

/// A work queue with one order that its only consumer may get so often. The worker answers so to
/// the first delivery, and asks again. How many messages the stream holds then.
async fn held_after(answer: AckKind) -> u64 {
    let nats = server().await;
    let change = |stream: &mut stream::Config, inventory: &mut pull::Config| {
        stream.retention = RetentionPolicy::WorkQueue;
        inventory.max_deliver = 1;
    };
    let (jetstream, inventory) = shop(&connect(&nats).await, change).await;
    store(&jetstream, 1).await;
    let message = ask_one(&inventory, LONG).await.unwrap();
    message.double_ack_with(answer).await.unwrap();
    assert!(ask_one(&inventory, SOON).await.is_none());
    held(&jetstream).await
}

/// claim: nats.work-queue.given-up-stays
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_given_up_stays_in_a_work_queue() {
    assert_eq!(held_after(AckKind::Nak(None)).await, 1);
}

/// claim: nats.work-queue.given-up-stays
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_acknowledged_leaves_a_work_queue_contrast() {
    assert_eq!(held_after(AckKind::Ack).await, 0);
}

/// claim: nats.term.leaves-work-queue
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_terminated_leaves_a_work_queue() {
    assert_eq!(held_after(AckKind::Term).await, 0);
}

/// claim: nats.term.leaves-work-queue
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_not_terminated_does_not_contrast() {
    assert_eq!(held_after(AckKind::Nak(None)).await, 1);
}

/// One order is given up after its first delivery.
async fn give_up(jetstream: &Context, inventory: &async_nats::jetstream::consumer::PullConsumer) {
    store(jetstream, 1).await;
    let message = ask_one(inventory, LONG).await.unwrap();
    message.double_ack_with(AckKind::Nak(None)).await.unwrap();
    assert!(ask_one(inventory, SOON).await.is_none());
}

/// claim: nats.advisory.late-nothing
#[tokio::test(flavor = "multi_thread")]
async fn who_subscribes_after_a_message_was_given_up_hears_nothing_of_it() {
    let nats = server().await;
    let client = connect(&nats).await;
    let (jetstream, inventory) = shop(&client, |_, config| config.max_deliver = 1).await;
    let mut early = subscribed(&client, GIVEN_UP).await;
    give_up(&jetstream, &inventory).await;
    let told = next(&mut early).await;
    assert!(String::from_utf8_lossy(&told.payload).contains(r#""stream_seq":1,"deliveries":1"#));
    let mut late = subscribed(&client, GIVEN_UP).await;
    let heard = timeout(SOON, next(&mut late)).await;
    assert!(heard.is_err());
}

/// claim: nats.advisory.late-nothing
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_keeps_the_word_for_who_comes_later_contrast() {
    let nats = server().await;
    let client = connect(&nats).await;
    let (jetstream, inventory) = shop(&client, |_, config| config.max_deliver = 1).await;
    let words = stream::Config {
        name: "DEAD".into(),
        subjects: vec![GIVEN_UP.into()],
        ..Default::default()
    };
    let words = jetstream.create_stream(words).await.unwrap();
    give_up(&jetstream, &inventory).await;
    let late = words
        .create_consumer(pull::Config::default())
        .await
        .unwrap();
    let told = ask_one(&late, LONG).await.unwrap();
    assert!(String::from_utf8_lossy(&told.payload).contains(r#""stream_seq":1,"deliveries":1"#));
}

/// What the server says of the first of two orders, which may be deleted.
async fn looked_up(deleted: bool) -> Result<String, RawMessageErrorKind> {
    let nats = server().await;
    let (jetstream, _) = shop(&connect(&nats).await, |_, _| {}).await;
    store(&jetstream, 2).await;
    let stream = jetstream.get_stream("SHOP").await.unwrap();
    if deleted {
        stream.delete_message(1).await.unwrap();
    }
    let order = stream.get_raw_message(1).await;
    let order = order.map_err(|error| error.kind())?;
    Ok(String::from_utf8(order.payload.to_vec()).unwrap())
}

/// claim: nats.deleted.not-found
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_moved_is_not_found_again() {
    let not_found = RawMessageErrorKind::NoMessageFound;
    assert_eq!(looked_up(true).await, Err(not_found));
}

/// claim: nats.deleted.not-found
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_not_is_found_contrast() {
    assert_eq!(looked_up(false).await.as_deref(), Ok("o-1"));
}

/// An order that says which stream it is for is stored there. Its copy goes into another stream, with
/// its headers or without. What the server says to the copy.
async fn copied(with_headers: bool) -> Result<u64, String> {
    let nats = server().await;
    let (jetstream, _) = shop(&connect(&nats).await, |_, _| {}).await;
    let dead = stream::Config {
        name: "DEAD".into(),
        subjects: vec!["dead.>".into()],
        ..Default::default()
    };
    jetstream.create_stream(dead).await.unwrap();
    let order = PublishMessage::build().payload("o-1".into());
    let order = order.expected_stream("SHOP");
    let sent = jetstream.send_publish("order.created", order).await;
    sent.unwrap().await.unwrap();
    let shop = jetstream.get_stream("SHOP").await.unwrap();
    let order = shop.get_raw_message(1).await.unwrap();
    assert!(order.headers.get("Nats-Expected-Stream").is_some());
    let headers = match with_headers {
        true => order.headers,
        false => HeaderMap::new(),
    };
    let sent = jetstream.publish_with_headers("dead.order", headers, order.payload);
    let stored = sent.await.unwrap().await;
    stored
        .map(|stored| stored.sequence)
        .map_err(|error| error.to_string())
}

/// claim: nats.expected-stream.copied
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_with_the_headers_of_another_stream_is_refused() {
    let refused = copied(true).await.unwrap_err();
    assert!(refused.contains("expected stream"), "{refused}");
}

/// claim: nats.expected-stream.copied
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_without_them_is_stored_contrast() {
    assert_eq!(copied(false).await, Ok(1));
}

/// Publishes an order, always under the same id. Whether the stream knows the id, and stores nothing.
async fn is_duplicate(jetstream: &Context) -> bool {
    let order = PublishMessage::build().payload("o-1".into());
    let order = order.message_id("charge-o-1");
    let sent = jetstream.send_publish("order.created", order).await;
    sent.unwrap().await.unwrap().duplicate
}

/// An order has been taken out of a stream that remembers ids for so long.
async fn taken_out(window: Duration) -> (Broker, Context) {
    let nats = server().await;
    let client = connect(&nats).await;
    let (jetstream, _) = shop(&client, |stream, _| stream.duplicate_window = window).await;
    assert!(!is_duplicate(&jetstream).await);
    let stream = jetstream.get_stream("SHOP").await.unwrap();
    stream.delete_message(1).await.unwrap();
    (nats, jetstream)
}

/// claim: nats.redrive.within-window
#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_out_is_not_stored_again_within_the_window() {
    let (_nats, jetstream) = taken_out(Duration::from_secs(3_600)).await;
    assert!(is_duplicate(&jetstream).await);
    assert_eq!(held(&jetstream).await, 0);
}

/// claim: nats.redrive.within-window
#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_out_is_stored_again_after_the_window_contrast() {
    let (_nats, jetstream) = taken_out(Duration::from_millis(200)).await;
    let stored = async { while is_duplicate(&jetstream).await {} };
    timeout(LONG, stored).await.unwrap();
    assert_eq!(held(&jetstream).await, 1);
}
