//! ch02-nats-jetstream: what is stored, who gets it, and when it comes again.

use std::time::{Duration, Instant};

use async_nats::Event;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::stream::{DiscardPolicy, StorageType};
use async_nats::jetstream::{self, AckKind};
use tokio::time::{sleep, timeout};

use super::shop::{LONG, connect, next, server, subscribed, until, watched};
use super::store::{ask, ask_one, deliveries, held, shop, store};

/// An ack wait that a test can wait for.
const SHORT: Duration = Duration::from_millis(400);
/// Longer than the server needs for what it does at once.
const SOON: Duration = Duration::from_millis(300);

/// claim: nats.puback.second-await
#[tokio::test(flavor = "multi_thread")]
async fn only_the_second_await_says_stored() {
    let nats = server().await;
    let jetstream = jetstream::new(connect(&nats).await);
    // No stream has this subject. The first await is content.
    let sent = jetstream.publish("order.created", "o-1".into()).await;
    let stored = sent.unwrap().await;
    assert_eq!(stored.unwrap_err().kind(), PublishErrorKind::StreamNotFound);
}

/// claim: nats.puback.second-await
#[tokio::test(flavor = "multi_thread")]
async fn only_the_second_await_says_stored_contrast() {
    let nats = server().await;
    let (jetstream, _) = shop(&connect(&nats).await, |_, _| {}).await;
    let sent = jetstream.publish("order.created", "o-1".into()).await;
    assert_eq!(sent.unwrap().await.unwrap().sequence, 1);
}

/// How many of a hundred stored messages are there after SIGKILL and a new start.
async fn after_a_kill(storage: StorageType) -> Option<u64> {
    let mut nats = server().await;
    let (jetstream, _) = shop(&connect(&nats).await, |stream, _| stream.storage = storage).await;
    store(&jetstream, 100).await;
    nats.kill().await.unwrap();
    nats.restart().await.unwrap();
    let jetstream = jetstream::new(connect(&nats).await);
    let stream = jetstream.get_stream("SHOP").await.ok()?;
    Some(stream.cached_info().state.messages)
}

/// claim: nats.puback.kill
#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_is_there_after_a_kill() {
    assert_eq!(after_a_kill(StorageType::File).await, Some(100));
}

/// claim: nats.puback.kill
#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_is_there_after_a_kill_contrast() {
    assert_eq!(after_a_kill(StorageType::Memory).await, None);
}

/// Two orders; one worker asks for `count`, then another one asks. What each of them gets.
async fn asked_for(count: usize) -> (usize, usize) {
    let nats = server().await;
    let (jetstream, inventory) = shop(&connect(&nats).await, |_, _| {}).await;
    store(&jetstream, 2).await;
    let one = ask(&inventory, count, LONG).await.len();
    let wait = if count == 1 { LONG } else { SOON };
    (one, ask(&inventory, 1, wait).await.len())
}

/// claim: nats.pull.asked
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_gets_what_it_asks_for() {
    assert_eq!(asked_for(1).await, (1, 1));
}

/// claim: nats.pull.asked
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_gets_what_it_asks_for_contrast() {
    assert_eq!(asked_for(2).await, (2, 0), "none is left for the other");
}

/// claim: nats.ack-wait.alive
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_acknowledged_in_time_comes_again() {
    let nats = server().await;
    let client = connect(&nats).await;
    let (jetstream, inventory) = shop(&client, |_, config| config.ack_wait = SHORT).await;
    store(&jetstream, 1).await;
    let begun = Instant::now();
    // This worker is alive and at work.
    let _held = ask_one(&inventory, LONG).await.unwrap();
    let again = ask_one(&inventory, LONG).await.unwrap();
    assert_eq!(deliveries(&again), 2);
    assert!(begun.elapsed() >= SHORT, "{:?}", begun.elapsed());
}

/// claim: nats.ack-wait.alive
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_acknowledged_in_time_comes_again_contrast() {
    let nats = server().await;
    let client = connect(&nats).await;
    let wait = Duration::from_secs(4);
    let (jetstream, inventory) = shop(&client, |_, config| config.ack_wait = wait).await;
    store(&jetstream, 1).await;
    let message = ask_one(&inventory, LONG).await.unwrap();
    let begun = Instant::now();
    while begun.elapsed() < wait * 3 / 2 {
        message.ack_with(AckKind::Progress).await.unwrap();
        // Another worker asks all the time, and gets nothing.
        assert!(ask_one(&inventory, wait / 10).await.is_none());
    }
}

/// claim: nats.disconnect.waits
#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_worker_held_comes_again_after_the_ack_wait() {
    let nats = server().await;
    let client = connect(&nats).await;
    let wait = Duration::from_secs(1);
    let (jetstream, inventory) = shop(&client, |_, config| config.ack_wait = wait).await;
    store(&jetstream, 1).await;
    let (worker, mut told) = watched(nats.url()).await;
    let orders = jetstream::new(worker.clone());
    let orders = orders.get_consumer_from_stream("inventory", "SHOP").await;
    let begun = Instant::now();
    let held = ask_one(&orders.unwrap(), LONG).await.unwrap();
    worker.drain().await.unwrap();
    until(Event::Closed, &mut told).await;
    drop((held, worker));
    // Nobody else holds an order, so the time is that of the one which the dead worker held.
    let again = ask_one(&inventory, LONG).await.unwrap();
    assert_eq!(deliveries(&again), 2);
    assert!(begun.elapsed() >= wait, "{:?}", begun.elapsed());
}

/// Takes one message, answers it, and says what another worker gets within this time, and when.
async fn answered(
    kind: Option<AckKind>,
    ack_wait: Duration,
    wait: Duration,
) -> Option<(i64, Duration)> {
    let nats = server().await;
    let client = connect(&nats).await;
    let (jetstream, inventory) = shop(&client, |_, config| config.ack_wait = ack_wait).await;
    store(&jetstream, 1).await;
    let message = ask_one(&inventory, LONG).await.unwrap();
    let begun = Instant::now();
    if let Some(kind) = kind {
        message.ack_with(kind).await.unwrap();
    }
    let again = ask_one(&inventory, wait).await;
    assert_eq!(held(&jetstream).await, 1, "the stream keeps it in any case");
    Some((deliveries(&again?), begun.elapsed()))
}

/// The ack wait is the default here, and nobody waits for it: it is longer than [`LONG`].
async fn handed_back(kind: Option<AckKind>) -> Option<i64> {
    let wait = if kind.is_some() { LONG } else { SOON };
    let again = answered(kind, Duration::from_secs(30), wait).await;
    again.map(|(deliveries, _)| deliveries)
}

/// claim: nats.disconnect.waits
#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_worker_held_comes_again_after_the_ack_wait_contrast() {
    let back = handed_back(Some(AckKind::Nak(None))).await;
    assert_eq!(back, Some(2), "a worker that says so need not wait");
}

/// claim: nats.nak.at-once
#[tokio::test(flavor = "multi_thread")]
async fn what_is_handed_back_comes_again_at_once() {
    assert_eq!(handed_back(Some(AckKind::Nak(None))).await, Some(2));
}

/// claim: nats.nak.at-once
#[tokio::test(flavor = "multi_thread")]
async fn what_is_handed_back_comes_again_at_once_contrast() {
    assert_eq!(handed_back(None).await, None);
}

/// claim: nats.nak.delay
#[tokio::test(flavor = "multi_thread")]
async fn a_nak_may_name_a_delay() {
    let delay = Duration::from_millis(800);
    // Longer than the ack wait, which no longer counts.
    let again = answered(Some(AckKind::Nak(Some(delay))), SHORT, LONG).await;
    let (deliveries, after) = again.unwrap();
    assert_eq!(deliveries, 2);
    assert!(after >= delay, "{after:?}");
}

/// claim: nats.nak.delay
#[tokio::test(flavor = "multi_thread")]
async fn a_nak_may_name_a_delay_contrast() {
    let nats = server().await;
    let client = connect(&nats).await;
    let (jetstream, inventory) = shop(&client, |_, config| config.ack_wait = SHORT).await;
    store(&jetstream, 2).await;
    let orders = ask(&inventory, 2, LONG).await;
    let nak = AckKind::Nak(Some(LONG));
    orders[0].double_ack_with(nak).await.unwrap();
    // Nothing is said of the second one. Its ack wait is over long before that delay.
    let again = ask_one(&inventory, LONG).await.unwrap();
    assert_eq!((&again.payload[..], deliveries(&again)), (&b"o-2"[..], 2));
}

/// claim: nats.term.never
#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_comes_never_again() {
    let again = answered(Some(AckKind::Term), SHORT, SHORT * 2).await;
    assert_eq!(again, None);
}

/// claim: nats.term.never
#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_comes_never_again_contrast() {
    let again = answered(None, SHORT, LONG).await;
    assert_eq!(again.unwrap().0, 2);
}

/// A message is delivered twice; the first worker acknowledges it then, or does not. Whether it
/// comes a third time.
async fn acknowledged_late(acknowledged: bool) -> bool {
    let nats = server().await;
    let client = connect(&nats).await;
    let (jetstream, inventory) = shop(&client, |_, config| config.ack_wait = SHORT).await;
    store(&jetstream, 1).await;
    let first = ask_one(&inventory, LONG).await.unwrap();
    let second = ask_one(&inventory, LONG).await.unwrap();
    assert_eq!(deliveries(&second), 2);
    if acknowledged {
        first.double_ack().await.unwrap();
    }
    let wait = if acknowledged { SHORT * 2 } else { LONG };
    ask_one(&inventory, wait).await.is_some()
}

/// claim: nats.ack.any-delivery
#[tokio::test(flavor = "multi_thread")]
async fn a_late_acknowledgement_counts() {
    assert!(!acknowledged_late(true).await);
}

/// claim: nats.ack.any-delivery
#[tokio::test(flavor = "multi_thread")]
async fn a_late_acknowledgement_counts_contrast() {
    assert!(acknowledged_late(false).await);
}

/// One worker has two messages in its client. It works on the first, and acknowledges it, for
/// longer than the ack wait. Which one another worker gets then.
async fn waiting_in_the_client(asks_for: usize) -> Option<String> {
    let nats = server().await;
    let client = connect(&nats).await;
    let wait = Duration::from_secs(1);
    let (jetstream, inventory) = shop(&client, |_, config| config.ack_wait = wait).await;
    store(&jetstream, asks_for).await;
    let messages = ask(&inventory, asks_for, LONG).await;
    let begun = Instant::now();
    while begun.elapsed() < wait * 3 / 2 {
        messages[0].ack_with(AckKind::Progress).await.unwrap();
        // Work that lasts, which is the fault here.
        sleep(wait / 10).await;
    }
    messages[0].double_ack().await.unwrap();
    let patience = if asks_for > 1 { LONG } else { SOON };
    let another = ask_one(&inventory, patience).await?;
    Some(String::from_utf8(another.payload.to_vec()).unwrap())
}

/// claim: nats.ack-wait.from-delivery
#[tokio::test(flavor = "multi_thread")]
async fn the_ack_wait_begins_when_the_message_is_delivered() {
    let another = waiting_in_the_client(2).await;
    assert_eq!(another.as_deref(), Some("o-2"), "the one not begun");
}

/// claim: nats.ack-wait.from-delivery
#[tokio::test(flavor = "multi_thread")]
async fn the_ack_wait_begins_when_the_message_is_delivered_contrast() {
    assert_eq!(waiting_in_the_client(1).await, None);
}

/// A stream with room for two messages is sent three, while nobody reads: how many of them it takes,
/// and the orders that its consumer gets then.
async fn overfull(discard: DiscardPolicy) -> (usize, Vec<String>) {
    let nats = server().await;
    let change = |stream: &mut jetstream::stream::Config| {
        (stream.max_messages, stream.discard) = (2, discard);
    };
    let (jetstream, inventory) = shop(&connect(&nats).await, |stream, _| change(stream)).await;
    let mut taken = 0;
    for order in ["o-1", "o-2", "o-3"] {
        let sent = jetstream.publish("order.created", order.into()).await;
        taken += usize::from(sent.unwrap().await.is_ok());
    }
    let got = ask(&inventory, 2, LONG).await.into_iter();
    let body = |message: jetstream::Message| String::from_utf8(message.payload.to_vec()).unwrap();
    (taken, got.map(body).collect())
}

/// claim: nats.discard.old-unread
#[tokio::test(flavor = "multi_thread")]
async fn a_full_stream_drops_its_oldest_read_or_not() {
    let expected = ["o-2", "o-3"].map(str::to_owned).to_vec();
    assert_eq!(overfull(DiscardPolicy::Old).await, (3, expected));
}

/// claim: nats.discard.old-unread
#[tokio::test(flavor = "multi_thread")]
async fn a_full_stream_drops_its_oldest_read_or_not_contrast() {
    let expected = ["o-1", "o-2"].map(str::to_owned).to_vec();
    assert_eq!(overfull(DiscardPolicy::New).await, (2, expected));
}

/// Two orders that nobody reads, in a stream that refuses what is too much for it. Returns once it
/// holds so many.
async fn unread(max_age: Duration, left: u64) {
    let nats = server().await;
    let (jetstream, _) = shop(&connect(&nats).await, |stream, _| {
        (stream.max_messages, stream.discard) = (2, DiscardPolicy::New);
        stream.max_age = max_age;
        // No longer than the messages live.
        stream.duplicate_window = Duration::from_millis(100);
    })
    .await;
    store(&jetstream, 2).await;
    let holds = async { while held(&jetstream).await != left {} };
    timeout(LONG, holds).await.unwrap();
    // What is too much is refused all the same.
    let more = jetstream.publish("order.created", "o-3".into()).await;
    assert_eq!(more.unwrap().await.is_ok(), left == 0);
}

/// claim: nats.max-age.discard-new
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_old_goes_though_the_stream_refuses_new_ones() {
    unread(Duration::from_millis(500), 0).await;
}

/// claim: nats.max-age.discard-new
#[tokio::test(flavor = "multi_thread")]
async fn without_an_age_the_stream_keeps_them_and_refuses_the_next_contrast() {
    unread(Duration::ZERO, 2).await;
}

/// A new consumer asks for `count` of four stored orders. The sequences of those that come within
/// `wait`.
async fn from(deliver_policy: DeliverPolicy, count: usize, wait: Duration) -> Vec<u64> {
    let nats = server().await;
    let (jetstream, _) = shop(&connect(&nats).await, |_, _| {}).await;
    store(&jetstream, 4).await;
    let stream = jetstream.get_stream("SHOP").await.unwrap();
    let analytics = stream.create_consumer(pull::Config {
        deliver_policy,
        ack_policy: AckPolicy::None,
        ..Default::default()
    });
    let messages = ask(&analytics.await.unwrap(), count, wait).await;
    let sequence = |message: &jetstream::Message| message.info().unwrap().stream_sequence;
    messages.iter().map(sequence).collect()
}

/// claim: nats.consumer.from-sequence
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_begins_where_it_is_told() {
    let third = DeliverPolicy::ByStartSequence { start_sequence: 3 };
    assert_eq!(from(third, 2, LONG).await, [3, 4]);
}

/// claim: nats.consumer.from-sequence
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_begins_where_it_is_told_contrast() {
    let all = from(DeliverPolicy::All, 4, LONG).await;
    assert_eq!(all, [1, 2, 3, 4], "the default");
    assert_eq!(from(DeliverPolicy::New, 1, SOON).await, [0; 0]);
}

/// claim: nats.ack.queued
#[tokio::test(flavor = "multi_thread")]
async fn ack_only_queues() {
    let mut nats = server().await;
    let (jetstream, inventory) = shop(&connect(&nats).await, |_, _| {}).await;
    store(&jetstream, 1).await;
    let message = ask_one(&inventory, LONG).await.unwrap();
    nats.pause().await.unwrap();
    timeout(LONG, message.ack()).await.unwrap().unwrap();
    nats.resume().await.unwrap();
}

/// claim: nats.ack.queued
#[tokio::test(flavor = "multi_thread")]
async fn ack_only_queues_contrast() {
    let mut nats = server().await;
    let (jetstream, inventory) = shop(&connect(&nats).await, |_, _| {}).await;
    store(&jetstream, 1).await;
    let message = ask_one(&inventory, LONG).await.unwrap();
    nats.pause().await.unwrap();
    let acknowledged = timeout(SOON, message.double_ack()).await;
    assert!(acknowledged.is_err(), "it waits for the server");
    nats.resume().await.unwrap();
}

/// How often one message is delivered that nobody acknowledges, in four attempts, and whether an
/// advisory tells of it.
async fn delivered(max_deliver: i64) -> usize {
    let nats = server().await;
    let client = connect(&nats).await;
    let given_up = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.SHOP.inventory";
    let mut given_up = subscribed(&client, given_up).await;
    let (jetstream, inventory) = shop(&client, |_, config| config.max_deliver = max_deliver).await;
    store(&jetstream, 1).await;
    let mut count = 0;
    while count < 4 {
        // The next delivery or the server's word, whichever comes.
        let message = tokio::select! {
            message = ask_one(&inventory, LONG) => message.unwrap(),
            // The server tells it once, on a subject of its own, and keeps the message.
            _ = next(&mut given_up) => {
                assert_eq!(held(&jetstream).await, 1);
                break;
            }
        };
        count += 1;
        message.ack_with(AckKind::Nak(None)).await.unwrap();
    }
    count
}

/// claim: nats.max-deliver.stops
#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_given_up_after_so_many_deliveries() {
    assert_eq!(delivered(2).await, 2);
}

/// claim: nats.max-deliver.stops
#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_given_up_after_so_many_deliveries_contrast() {
    assert_eq!(delivered(-1).await, 4, "the default is no limit");
}

/// How many of three messages the workers of a consumer have that acknowledge none.
async fn unacknowledged(limit: i64) -> usize {
    let nats = server().await;
    let client = connect(&nats).await;
    let (jetstream, inventory) = shop(&client, |_, config| config.max_ack_pending = limit).await;
    store(&jetstream, 3).await;
    let first = ask(&inventory, 2, LONG).await.len();
    let wait = if limit > 2 { LONG } else { SOON };
    first + ask(&inventory, 1, wait).await.len()
}

/// claim: nats.ack-pending.limit
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_hands_out_no_more_than_its_limit() {
    assert_eq!(unacknowledged(2).await, 2);
}

/// claim: nats.ack-pending.limit
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_hands_out_no_more_than_its_limit_contrast() {
    assert_eq!(unacknowledged(1000).await, 3, "the default");
}
