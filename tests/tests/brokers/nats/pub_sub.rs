//! ch02-nats-pub-sub: subjects, wildcards, late subscribers, flush and drain.

use std::sync::Arc;
use std::time::Duration;

use async_nats::client::PublishErrorKind;
use async_nats::{ConnectOptions, Event, RequestErrorKind};
use futures_util::StreamExt;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::shop::{
    LONG, before_the_last, connect, gate, here, next, publish, round_trip, server, subscribed,
    until, watched,
};

/// Which of these subjects a subscription on `pattern` matches.
async fn matched_of(pattern: &'static str, subjects: &[&'static str]) -> Vec<String> {
    let nats = server().await;
    let client = connect(&nats).await;
    let mut subscriber = subscribed(&client, pattern).await;
    publish(&client, subjects).await;
    here(&mut subscriber)
}

/// Which of the subjects with one, two and three tokens a subscription on `pattern` matches.
async fn matched(pattern: &'static str) -> Vec<String> {
    matched_of(pattern, &["order", "order.created", "order.created.eu"]).await
}

/// claim: nats.star.one-token
#[tokio::test(flavor = "multi_thread")]
async fn a_star_stands_for_one_token() {
    assert_eq!(matched("order.*").await, ["order.created"]);
}

/// claim: nats.star.one-token
#[tokio::test(flavor = "multi_thread")]
async fn a_star_stands_for_one_token_contrast() {
    assert_eq!(matched("order.*.*").await, ["order.created.eu"]);
}

/// claim: nats.rest.one-or-more
#[tokio::test(flavor = "multi_thread")]
async fn the_rest_is_one_token_or_more() {
    let more = ["order.created", "order.created.eu"];
    assert_eq!(matched("order.>").await, more);
}

/// claim: nats.rest.one-or-more
#[tokio::test(flavor = "multi_thread")]
async fn the_rest_is_one_token_or_more_contrast() {
    assert_eq!(matched("order").await, ["order"]);
}

/// claim: nats.wildcard.whole-token
#[tokio::test(flavor = "multi_thread")]
async fn a_wildcard_stands_for_no_part_of_a_token() {
    let got = matched_of("order-*", &["order-created", "order-*"]).await;
    assert_eq!(got, ["order-*"], "a name like any other");
}

/// claim: nats.wildcard.whole-token
#[tokio::test(flavor = "multi_thread")]
async fn a_wildcard_stands_for_no_part_of_a_token_contrast() {
    let got = matched_of("order.*", &["order.created", "order-created"]).await;
    assert_eq!(got, ["order.created"]);
}

/// claim: nats.subscription.copy
#[tokio::test(flavor = "multi_thread")]
async fn each_subscription_gets_a_copy() {
    let nats = server().await;
    let client = connect(&nats).await;
    let mut email = subscribed(&client, "order.*").await;
    let mut inventory = subscribed(&client, "order.*").await;
    publish(&client, &["order.created", "order.shipped"]).await;
    assert_eq!(before_the_last(&mut email).await, ["order.created"]);
    assert_eq!(before_the_last(&mut inventory).await, ["order.created"]);
}

/// claim: nats.subscription.copy
#[tokio::test(flavor = "multi_thread")]
async fn each_subscription_gets_a_copy_contrast() {
    let nats = server().await;
    let client = connect(&nats).await;
    let group = || client.queue_subscribe("order.created", "email".into());
    let (mut first, mut second) = (group().await.unwrap(), group().await.unwrap());
    publish(&client, &["order.created"]).await;
    let got = here(&mut first).len() + here(&mut second).len();
    assert_eq!(got, 1, "one of the group");
}

/// claim: nats.late.nothing
#[tokio::test(flavor = "multi_thread")]
async fn a_late_subscriber_gets_nothing() {
    let nats = server().await;
    let client = connect(&nats).await;
    publish(&client, &["order.created"]).await;
    let mut late = subscribed(&client, "order.*").await;
    publish(&client, &["order.shipped"]).await;
    assert_eq!(before_the_last(&mut late).await, [""; 0]);
}

/// claim: nats.late.nothing
#[tokio::test(flavor = "multi_thread")]
async fn a_late_subscriber_gets_nothing_contrast() {
    let nats = server().await;
    let client = connect(&nats).await;
    let mut early = subscribed(&client, "order.*").await;
    publish(&client, &["order.created", "order.shipped"]).await;
    assert_eq!(before_the_last(&mut early).await, ["order.created"]);
}

/// claim: nats.publish.nobody
#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_does_not_learn_that_nobody_listens() {
    let nats = server().await;
    let (client, mut told) = watched(nats.url()).await;
    client.publish("order.created", "o-1".into()).await.unwrap();
    round_trip(&client).await;
    client.drain().await.unwrap();
    // Three things, none of which is about the order.
    for event in [Event::Connected, Event::Draining, Event::Closed] {
        assert_eq!(timeout(LONG, told.recv()).await.unwrap(), Some(event));
    }
}

/// claim: nats.publish.nobody
#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_does_not_learn_that_nobody_listens_contrast() {
    let nats = server().await;
    let client = connect(&nats).await;
    let answer = client.request("order.created", "o-1".into()).await;
    assert_eq!(answer.unwrap_err().kind(), RequestErrorKind::NoResponders);
}

/// Publishes 100 messages to a subscriber that does not read; says how many it finds when it does,
/// and of how many others the client tells.
async fn kept(options: ConnectOptions) -> (usize, usize) {
    let nats = server().await;
    let (tell, mut told) = mpsc::unbounded_channel();
    let options = options.event_callback(move |event| {
        let _ = tell.send(event);
        async {}
    });
    let client = options.connect(nats.url()).await.unwrap();
    let mut subscriber = subscribed(&client, "order.*").await;
    publish(&client, &["order.created"; 100]).await;
    let kept = here(&mut subscriber).len();
    client.drain().await.unwrap();
    drop((client, subscriber));
    // The client ends, and with it the callback: this is all that it tells.
    let mut slow = 0;
    while let Some(event) = timeout(LONG, told.recv()).await.unwrap() {
        slow += usize::from(matches!(event, Event::SlowConsumer(_)));
    }
    (kept, slow)
}

/// What `publish` says to a message of so many bytes.
async fn published(bytes: usize) -> Result<(), PublishErrorKind> {
    let nats = server().await;
    let client = connect(&nats).await;
    let sent = client.publish("order.created", vec![0; bytes].into()).await;
    sent.map_err(|error| error.kind())
}

/// claim: nats.payload.limit
#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_more_than_a_mebibyte_is_refused() {
    let refused = published(1_048_577).await;
    assert_eq!(refused, Err(PublishErrorKind::MaxPayloadExceeded));
}

/// claim: nats.payload.limit
#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_a_mebibyte_is_taken_contrast() {
    assert_eq!(published(1_048_576).await, Ok(()));
}

/// claim: nats.slow.dropped
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_subscriber_loses_what_is_beyond_its_capacity() {
    let options = ConnectOptions::new().subscription_capacity(8);
    assert_eq!(kept(options).await, (8, 92));
}

/// claim: nats.slow.dropped
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_subscriber_loses_what_is_beyond_its_capacity_contrast() {
    assert_eq!(kept(ConnectOptions::new()).await, (100, 0));
}

/// A client drops so many messages, while its callback is still busy with the first event. Of how many
/// it tells when it goes on.
async fn told_of(drops: usize) -> usize {
    let nats = server().await;
    let (tell, mut told) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let passes = gate.clone();
    let options = ConnectOptions::new().subscription_capacity(1);
    let options = options.event_callback(move |event| {
        let (tell, passes) = (tell.clone(), passes.clone());
        async move {
            drop(passes.acquire().await);
            let _ = tell.send(event);
        }
    });
    let client = options.connect(nats.url()).await.unwrap();
    let subscriber = subscribed(&client, "order.*").await;
    publish(&client, &vec!["order.created"; drops + 1]).await;
    gate.add_permits(1);
    client.drain().await.unwrap();
    drop((client, subscriber));
    let mut slow = 0;
    while let Some(event) = timeout(LONG, told.recv()).await.unwrap() {
        slow += usize::from(matches!(event, Event::SlowConsumer(_)));
    }
    slow
}

/// claim: nats.events.given-up
#[tokio::test(flavor = "multi_thread")]
async fn a_client_holds_a_hundred_and_twenty_eight_events_for_its_callback() {
    let told = told_of(1000).await;
    assert!(told <= 128, "{told} of 1,000");
}

/// claim: nats.events.given-up
#[tokio::test(flavor = "multi_thread")]
async fn a_client_holds_a_hundred_and_twenty_eight_events_for_its_callback_contrast() {
    assert_eq!(told_of(100).await, 100);
}

/// How a program ends after its last `publish`.
#[derive(Clone, Copy)]
enum End {
    Return,
    Flush,
    Drain,
}

/// A program of one thread: connects, publishes three orders, and is gone.
fn program(url: String, end: End) {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(async {
        let client = async_nats::connect(&url).await.unwrap();
        let _presence = subscribed(&client, "orders").await;
        for order in ["o-1", "o-2", "o-3"] {
            client.publish("order.created", order.into()).await.unwrap();
        }
        match end {
            End::Return => {}
            End::Flush => client.flush().await.unwrap(),
            End::Drain => client.drain().await.unwrap(),
        }
    });
}

/// How many of the program's messages a subscriber gets that listens all the time.
async fn arrived(end: End) -> usize {
    let nats = server().await;
    let client = connect(&nats).await;
    let mut subscriber = subscribed(&client, "order.*").await;
    let url = nats.url().to_owned();
    std::thread::spawn(move || program(url, end))
        .join()
        .unwrap();
    // The server closes a connection after its last command: when nobody listens to its subject
    // any more, what it wrote has been passed on.
    let gone = async {
        loop {
            let ask = async_nats::Request::new().timeout(Some(Duration::from_millis(100)));
            let answer = client.send_request("orders", ask).await;
            if answer.unwrap_err().kind() == RequestErrorKind::NoResponders {
                return;
            }
        }
    };
    timeout(LONG, gone).await.unwrap();
    publish(&client, &["order.shipped"]).await;
    before_the_last(&mut subscriber).await.len()
}

/// claim: nats.publish.queued
#[tokio::test(flavor = "multi_thread")]
async fn publish_only_queues() {
    assert_eq!(arrived(End::Return).await, 0);
}

/// claim: nats.publish.queued
#[tokio::test(flavor = "multi_thread")]
async fn publish_only_queues_contrast() {
    assert_eq!(arrived(End::Flush).await, 3);
}

/// claim: nats.drain.order-given
#[tokio::test(flavor = "multi_thread")]
async fn drain_only_gives_the_order() {
    assert_eq!(arrived(End::Drain).await, 0, "Ok, and nothing is written");
}

/// claim: nats.drain.order-given
#[tokio::test(flavor = "multi_thread")]
async fn drain_only_gives_the_order_contrast() {
    let nats = server().await;
    let listener = connect(&nats).await;
    let mut subscriber = subscribed(&listener, "order.*").await;
    let (client, mut told) = watched(nats.url()).await;
    client.publish("order.created", "o-1".into()).await.unwrap();
    client.drain().await.unwrap();
    until(Event::Closed, &mut told).await;
    // It is written. The server may read it a moment later.
    let order = next(&mut subscriber).await;
    assert_eq!(order.subject.as_str(), "order.created");
}

/// claim: nats.flush.no-answer
#[tokio::test(flavor = "multi_thread")]
async fn flush_waits_for_no_answer() {
    let mut nats = server().await;
    let client = connect(&nats).await;
    nats.pause().await.unwrap();
    client.publish("order.created", "o-1".into()).await.unwrap();
    timeout(LONG, client.flush()).await.unwrap().unwrap();
    nats.resume().await.unwrap();
}

/// claim: nats.flush.no-answer
#[tokio::test(flavor = "multi_thread")]
async fn flush_waits_for_no_answer_contrast() {
    let mut nats = server().await;
    let client = connect(&nats).await;
    nats.pause().await.unwrap();
    let (asking, mut done) = (client.clone(), mpsc::unbounded_channel());
    let said = done.0.clone();
    let trip = tokio::spawn(async move {
        round_trip(&asking).await;
        said.send("answered").unwrap();
    });
    // The request is written with this flush at the latest, and no answer can come.
    client.flush().await.unwrap();
    done.0.send("flushed").unwrap();
    nats.resume().await.unwrap();
    timeout(LONG, trip).await.unwrap().unwrap();
    assert_eq!(done.1.recv().await, Some("flushed"));
    assert_eq!(done.1.recv().await, Some("answered"));
}

/// How many of three orders a subscriber gets that drains while they are on the wire; `wait` says
/// whether it makes a round trip first.
async fn drained_on_the_wire(wait: bool) -> usize {
    let nats = server().await;
    let publisher = connect(&nats).await;
    let (url, permits) = gate(&nats).await;
    let (client, mut told) = watched(&url).await;
    let subscriber = subscribed(&client, "order.*").await;
    permits.forget_permits(permits.available_permits());
    publish(&publisher, &["order.created"; 3]).await;
    if wait {
        permits.add_permits(1000);
        round_trip(&client).await;
        client.drain().await.unwrap();
    } else {
        client.drain().await.unwrap();
        until(Event::Draining, &mut told).await;
        // One may come through, the others are still under way, and so is the server's answer.
        permits.add_permits(1);
    }
    until(Event::Closed, &mut told).await;
    drop(client);
    timeout(LONG, subscriber.count()).await.unwrap()
}

/// claim: nats.drain.in-flight
#[tokio::test(flavor = "multi_thread")]
async fn drain_gives_up_what_is_on_the_wire() {
    assert!(drained_on_the_wire(false).await <= 1);
}

/// claim: nats.drain.in-flight
#[tokio::test(flavor = "multi_thread")]
async fn drain_gives_up_what_is_on_the_wire_contrast() {
    assert_eq!(drained_on_the_wire(true).await, 3);
}

/// Subscribes in a program whose other tasks stand still until it is asked for its messages, and
/// publishes meanwhile; `wait` says whether it makes a round trip first.
async fn subscribed_meanwhile(wait: bool) -> Vec<String> {
    let nats = server().await;
    let publisher = connect(&nats).await;
    let url = nats.url().to_owned();
    let (ready, mut is_ready) = mpsc::channel(1);
    let (go, mut may_go) = mpsc::channel::<()>(1);
    let program = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        let (client, mut subscriber) = runtime.block_on(async {
            let client = async_nats::connect(&url).await.unwrap();
            let subscriber = client.subscribe("order.*").await.unwrap();
            if wait {
                round_trip(&client).await;
            }
            (client, subscriber)
        });
        ready.blocking_send(()).unwrap();
        may_go.blocking_recv();
        runtime.block_on(async {
            round_trip(&client).await;
            publish(&client, &["order.shipped"]).await;
            before_the_last(&mut subscriber).await
        })
    });
    timeout(LONG, is_ready.recv()).await.unwrap().unwrap();
    publish(&publisher, &["order.created"]).await;
    go.send(()).await.unwrap();
    tokio::task::spawn_blocking(|| program.join().unwrap())
        .await
        .unwrap()
}

/// claim: nats.subscribe.queued
#[tokio::test(flavor = "multi_thread")]
async fn subscribe_only_queues() {
    assert_eq!(subscribed_meanwhile(false).await, [""; 0]);
}

/// claim: nats.subscribe.queued
#[tokio::test(flavor = "multi_thread")]
async fn subscribe_only_queues_contrast() {
    assert_eq!(subscribed_meanwhile(true).await, ["order.created"]);
}

/// claim: nats.round-trip.all-before
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_after_all_that_was_sent_before() {
    let nats = server().await;
    let client = connect(&nats).await;
    let mut subscriber = subscribed(&client, "order.*").await;
    publish(&client, &["order.created"; 1000]).await;
    assert_eq!(here(&mut subscriber).len(), 1000);
}

/// claim: nats.round-trip.all-before
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_after_all_that_was_sent_before_contrast() {
    let nats = server().await;
    let (url, permits) = gate(&nats).await;
    let (subscriber, _told) = watched(&url).await;
    let mut messages = subscribed(&subscriber, "order.*").await;
    permits.forget_permits(permits.available_permits());
    // The round trip is the publisher's. It says nothing about the subscriber's connection.
    publish(&connect(&nats).await, &["order.shipped"]).await;
    assert_eq!(here(&mut messages), [""; 0]);
    permits.add_permits(1000);
    assert_eq!(next(&mut messages).await.subject.as_str(), "order.shipped");
}
