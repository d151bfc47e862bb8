//! ch06-retry-backoff: what a crowd of retries does to a broker that is down and comes back.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, stream};
use async_nats::{ConnectOptions, Event};
use book_tests::programs::programs;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::shop::{LONG, connect, server, until};

/// What the listing counts, on a server that it kills and starts again.
async fn counted(knobs: &'static [&'static str]) -> BTreeMap<String, u32> {
    let mut listing = Command::new(programs().path("ch06-retry-backoff").unwrap());
    listing.args(knobs);
    let output = spawn_blocking(move || listing.output()).await;
    let output = output.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let counts = said.lines().filter_map(|line| {
        let mut words = line.strip_prefix("orders  ")?.split(' ');
        Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
    });
    counts.collect()
}

/// claim: nats.retry.together
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_fail_together_and_wait_alike_come_back_together() {
    let exponential = counted(&["--wait", "exponential"]).await;
    let fixed = counted(&["--wait", "fixed"]).await;
    assert_eq!((exponential["together"], fixed["together"]), (20, 20));
}

/// claim: nats.retry.together
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_wait_by_dice_come_back_apart_contrast() {
    let together = counted(&["--wait", "jitter"]).await["together"];
    assert!(together <= 4, "{together}");
}

/// claim: nats.retry.queue-grows
#[tokio::test(flavor = "multi_thread")]
async fn without_a_budget_the_longer_the_outage_the_more_orders_wait() {
    let (short, long) = (counted(&[]).await, counted(&["--down-ms", "4000"]).await);
    assert_eq!((short["waiting"], long["waiting"]), (30, 60));
    assert_eq!((short["refused"], long["refused"]), (0, 0));
}

/// claim: nats.retry.queue-grows
#[tokio::test(flavor = "multi_thread")]
async fn with_a_budget_no_more_wait_and_the_rest_is_told_at_once_contrast() {
    let short = counted(&["--budget", "20"]).await;
    let long = counted(&["--budget", "20", "--down-ms", "4000"]).await;
    assert_eq!((short["waiting"], long["waiting"]), (20, 20));
    assert_eq!((short["refused"], long["refused"]), (10, 40));
}

/// An order is published twice, as by a publisher that did not hear the first answer. How many
/// copies does the stream hold?
async fn copies(id: Option<&str>) -> u64 {
    let nats = server().await;
    let context = jetstream::new(connect(&nats).await);
    let config = stream::Config {
        name: "SHOP".into(),
        subjects: vec!["order.created".into()],
        ..stream::Config::default()
    };
    let mut stream = context.create_stream(config).await.unwrap();
    for _ in 0..2 {
        let message = PublishMessage::build().payload("o-1".into());
        let message = match id {
            Some(id) => message.message_id(id),
            None => message,
        };
        let sent = context.send_publish("order.created", message).await;
        sent.unwrap().await.unwrap();
    }
    let copies = stream.info().await.unwrap().state.messages;
    nats.stop().await.unwrap();
    copies
}

/// claim: nats.retry.second-copy
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_published_again_is_stored_again() {
    assert_eq!(copies(None).await, 2);
}

/// claim: nats.retry.second-copy
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_published_again_with_its_id_is_stored_once_contrast() {
    assert_eq!(copies(Some("created-o-1")).await, 1);
}

/// What async-nats says to an order for which there is no stream, where somebody listens on its
/// subject and answers nothing, or nobody does.
async fn without_a_stream(somebody_listens: bool) -> PublishErrorKind {
    let nats = server().await;
    let client = connect(&nats).await;
    let mut context = jetstream::new(client.clone());
    // Only who listens and says nothing lets the time run out.
    context.set_timeout(match somebody_listens {
        true => Duration::from_millis(300),
        false => LONG,
    });
    let mut analytics = client.subscribe("order.>").await.unwrap();
    if !somebody_listens {
        analytics.unsubscribe().await.unwrap();
    }
    // On one connection the server takes this after what was said before.
    let sent = context.publish("order.created", "o-1".into()).await;
    sent.unwrap().await.unwrap_err().kind()
}

/// claim: nats.puback.nobody-answers
#[tokio::test(flavor = "multi_thread")]
async fn no_stream_found_says_that_nobody_has_answered() {
    let said = without_a_stream(false).await;
    assert_eq!(said, PublishErrorKind::StreamNotFound);
}

/// claim: nats.puback.nobody-answers
#[tokio::test(flavor = "multi_thread")]
async fn without_a_stream_it_is_not_said_where_somebody_listens_contrast() {
    let said = without_a_stream(true).await;
    assert_eq!(said, PublishErrorKind::TimedOut);
}

/// claim: nats.connect.fails-at-once
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_to_a_server_that_is_down_fails() {
    let mut nats = server().await;
    nats.kill().await.unwrap();
    assert!(async_nats::connect(nats.url()).await.is_err());
    nats.stop().await.unwrap();
}

/// claim: nats.connect.fails-at-once
#[tokio::test(flavor = "multi_thread")]
async fn with_retry_on_initial_connect_it_is_made_when_the_server_is_back_contrast() {
    let mut nats = server().await;
    nats.kill().await.unwrap();
    let (tell, mut told) = mpsc::unbounded_channel();
    let options = ConnectOptions::new()
        .retry_on_initial_connect()
        .event_callback(move |event| {
            let _ = tell.send(event);
            async {}
        });
    // No server, and yet a client: what it publishes now waits in its memory.
    let client = options.connect(nats.url()).await.unwrap();
    client.publish("order.created", "o-1".into()).await.unwrap();
    nats.restart().await.unwrap();
    until(Event::Connected, &mut told).await;
    let flushed = timeout(LONG, client.flush()).await;
    flushed.unwrap().unwrap();
    nats.stop().await.unwrap();
}
