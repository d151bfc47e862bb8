//! ch02-nats-dedup: what a message id does in a stream, and for how long.

use std::time::Duration;

use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::stream::RetentionPolicy;
use async_nats::jetstream::{self, Context, stream};
use async_nats::{Client, HeaderMap};
use tokio::time::timeout;

use super::shop::{LONG, connect, next, round_trip, server, subscribed};
use super::store::{ask_one, deliveries, held, shop};

/// An hour: no test takes so long.
const NEVER: Duration = Duration::from_secs(3_600);

/// A stream that remembers ids for this long, and ages its messages after an hour.
async fn remembering(client: &Client, window: Duration) -> Context {
    let (jetstream, _) = shop(client, |stream, _| {
        stream.duplicate_window = window;
        stream.max_age = NEVER;
    })
    .await;
    jetstream
}

/// Publishes with this id, or with none, and waits for the PubAck.
async fn publish(
    jetstream: &Context,
    subject: &'static str,
    id: Option<&str>,
    body: &'static str,
) -> PublishAck {
    let message = PublishMessage::build().payload(body.into());
    let message = match id {
        Some(id) => message.message_id(id),
        None => message,
    };
    let sent = jetstream.send_publish(subject, message).await;
    timeout(LONG, sent.unwrap().into_future())
        .await
        .unwrap()
        .unwrap()
}

/// One order, published twice.
async fn twice(id: Option<&str>) -> (PublishAck, PublishAck, u64) {
    let nats = server().await;
    let jetstream = remembering(&connect(&nats).await, NEVER).await;
    let first = publish(&jetstream, "order.created", id, "o-1").await;
    let second = publish(&jetstream, "order.created", id, "o-1").await;
    let held = held(&jetstream).await;
    (first, second, held)
}

/// claim: nats.dedup.same-id
#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_is_stored_once_and_the_puback_says_so() {
    let (first, second, held) = twice(Some("order.created-o-1")).await;
    assert_eq!((first.duplicate, second.duplicate, held), (false, true, 1));
    assert_eq!(second.sequence, first.sequence);
}

/// claim: nats.dedup.same-id
#[tokio::test(flavor = "multi_thread")]
async fn without_an_id_it_is_stored_twice_contrast() {
    let (_, second, held) = twice(None).await;
    assert_eq!((second.duplicate, second.sequence, held), (false, 2, 2));
}

/// claim: nats.dedup.window
#[tokio::test(flavor = "multi_thread")]
async fn after_the_window_the_same_id_is_stored_again() {
    let nats = server().await;
    let jetstream = remembering(&connect(&nats).await, Duration::from_millis(200)).await;
    let id = Some("order.created-o-1");
    publish(&jetstream, "order.created", id, "o-1").await;
    let again = async {
        while publish(&jetstream, "order.created", id, "o-1")
            .await
            .duplicate
        {}
    };
    timeout(LONG, again).await.unwrap();
    assert_eq!(held(&jetstream).await, 2, "the first one is still there");
}

/// claim: nats.dedup.window
#[tokio::test(flavor = "multi_thread")]
async fn within_the_window_it_is_not_contrast() {
    let nats = server().await;
    let jetstream = remembering(&connect(&nats).await, NEVER).await;
    let id = Some("order.created-o-1");
    for attempt in 0..100 {
        let ack = publish(&jetstream, "order.created", id, "o-1").await;
        assert_eq!(ack.duplicate, attempt > 0);
    }
}

/// claim: nats.dedup.two-minutes
#[tokio::test(flavor = "multi_thread")]
async fn the_window_is_two_minutes_where_it_is_not_set() {
    let nats = server().await;
    let jetstream = remembering(&connect(&nats).await, Duration::ZERO).await;
    let stream = jetstream.get_stream("SHOP").await.unwrap();
    let window = stream.cached_info().config.duplicate_window;
    assert_eq!(window, Duration::from_secs(120));
}

/// claim: nats.dedup.two-minutes
#[tokio::test(flavor = "multi_thread")]
async fn the_window_is_what_is_set_contrast() {
    let nats = server().await;
    let jetstream = remembering(&connect(&nats).await, Duration::from_secs(600)).await;
    let stream = jetstream.get_stream("SHOP").await.unwrap();
    let window = stream.cached_info().config.duplicate_window;
    assert_eq!(window, Duration::from_secs(600));
}

/// Whether a stream whose messages live for a minute may remember ids for so long.
async fn may_be(window: Duration) -> bool {
    let nats = server().await;
    let jetstream = jetstream::new(connect(&nats).await);
    let stream = jetstream.create_stream(stream::Config {
        name: "SHOP".into(),
        subjects: vec!["order.>".into()],
        max_age: Duration::from_secs(60),
        duplicate_window: window,
        ..Default::default()
    });
    stream.await.is_ok()
}

/// claim: nats.dedup.within-age
#[tokio::test(flavor = "multi_thread")]
async fn a_window_longer_than_the_messages_live_is_refused() {
    assert!(!may_be(Duration::from_secs(61)).await);
}

/// claim: nats.dedup.within-age
#[tokio::test(flavor = "multi_thread")]
async fn a_window_as_long_as_the_messages_live_is_accepted_contrast() {
    assert!(may_be(Duration::from_secs(60)).await);
}

/// claim: nats.dedup.only-the-id
#[tokio::test(flavor = "multi_thread")]
async fn another_event_with_the_same_id_is_swallowed() {
    let nats = server().await;
    let jetstream = remembering(&connect(&nats).await, NEVER).await;
    publish(&jetstream, "order.created", Some("o-1"), "created").await;
    // Another subject, another body, the same stream.
    let shipped = publish(&jetstream, "order.shipped", Some("o-1"), "shipped").await;
    assert_eq!((shipped.duplicate, held(&jetstream).await), (true, 1));
}

/// claim: nats.dedup.only-the-id
#[tokio::test(flavor = "multi_thread")]
async fn the_same_body_with_another_id_is_stored_contrast() {
    let nats = server().await;
    let jetstream = remembering(&connect(&nats).await, NEVER).await;
    publish(&jetstream, "order.created", Some("try-1"), "o-1").await;
    let second = publish(&jetstream, "order.created", Some("try-2"), "o-1").await;
    assert_eq!((second.duplicate, held(&jetstream).await), (false, 2));
}

/// The id is sent without JetStream; does a subscriber get both?
async fn with_header(client: &Client) {
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", "order.created-o-1");
    for _attempt in 0..2 {
        let sent = client.publish_with_headers("order.created", headers.clone(), "o-1".into());
        sent.await.unwrap();
    }
    round_trip(client).await;
}

/// claim: nats.dedup.stream-only
#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_gets_both() {
    let nats = server().await;
    let client = connect(&nats).await;
    let _jetstream = remembering(&client, NEVER).await;
    let mut email = subscribed(&client, "order.created").await;
    with_header(&client).await;
    for _attempt in 0..2 {
        assert_eq!(next(&mut email).await.payload, "o-1");
    }
}

/// claim: nats.dedup.stream-only
#[tokio::test(flavor = "multi_thread")]
async fn the_stream_keeps_one_of_them_contrast() {
    let nats = server().await;
    let client = connect(&nats).await;
    let jetstream = remembering(&client, NEVER).await;
    with_header(&client).await;
    assert_eq!(held(&jetstream).await, 1);
}

/// An order with this id before a kill of the server, and one with that id after it.
async fn across_a_kill(before: &str, after: &str) -> bool {
    let mut nats = server().await;
    let jetstream = remembering(&connect(&nats).await, NEVER).await;
    publish(&jetstream, "order.created", Some(before), "o-1").await;
    nats.kill().await.unwrap();
    nats.restart().await.unwrap();
    let jetstream = jetstream::new(connect(&nats).await);
    let ack = publish(&jetstream, "order.created", Some(after), "o-1").await;
    ack.duplicate
}

/// claim: nats.dedup.restart
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_killed_knows_the_ids_still() {
    assert!(across_a_kill("order.created-o-1", "order.created-o-1").await);
}

/// claim: nats.dedup.restart
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_killed_stores_another_id_contrast() {
    assert!(!across_a_kill("order.created-o-1", "order.created-o-2").await);
}

/// An order in a work queue is acknowledged, and the server may be killed then. Whether the same id is
/// a duplicate after that.
async fn known_when_done(killed: bool) -> bool {
    let mut nats = server().await;
    let (jetstream, inventory) = shop(&connect(&nats).await, |stream, _| {
        stream.retention = RetentionPolicy::WorkQueue;
        stream.duplicate_window = NEVER;
    })
    .await;
    let id = Some("order.created-o-1");
    publish(&jetstream, "order.created", id, "o-1").await;
    let order = ask_one(&inventory, LONG).await.unwrap();
    order.double_ack().await.unwrap();
    let deleted = async { while held(&jetstream).await > 0 {} };
    timeout(LONG, deleted).await.unwrap();
    if killed {
        nats.kill().await.unwrap();
        nats.restart().await.unwrap();
    }
    let jetstream = jetstream::new(connect(&nats).await);
    publish(&jetstream, "order.created", id, "o-1")
        .await
        .duplicate
}

/// claim: nats.dedup.restart-work-queue
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_killed_does_not_know_the_ids_of_what_was_done() {
    assert!(!known_when_done(true).await);
}

/// claim: nats.dedup.restart-work-queue
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_runs_on_knows_them_contrast() {
    assert!(known_when_done(false).await);
}

/// One order is stored once; its worker has it in hand and says this often that it is done.
async fn stored_once(acknowledged: bool) -> Option<i64> {
    let nats = server().await;
    let (jetstream, inventory) = shop(&connect(&nats).await, |_, consumer| {
        consumer.ack_wait = Duration::from_millis(300);
    })
    .await;
    publish(
        &jetstream,
        "order.created",
        Some("order.created-o-1"),
        "o-1",
    )
    .await;
    let message = ask_one(&inventory, LONG).await.unwrap();
    if acknowledged {
        message.double_ack().await.unwrap();
    }
    let wait = if acknowledged {
        Duration::from_secs(1)
    } else {
        LONG
    };
    Some(deliveries(&ask_one(&inventory, wait).await?))
}

/// claim: nats.dedup.not-delivery
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_stored_once_is_delivered_twice() {
    assert_eq!(stored_once(false).await, Some(2));
}

/// claim: nats.dedup.not-delivery
#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_ack_is_confirmed_is_delivered_once_contrast() {
    assert_eq!(stored_once(true).await, None);
}
