//! ch01-pub-sub: who compares events with what a subscriber wants.

use std::sync::atomic::Ordering;

use super::shop::{connect, publish, round_trip, server, subscribed};

const EVENTS: [&str; 3] = ["order.created", "order.shipped", "payment.failed"];

/// How many of the three events come over the connection of a client that subscribes to these.
async fn arriving(patterns: &[&'static str]) -> u64 {
    let nats = server().await;
    let (client, shop) = (connect(&nats).await, connect(&nats).await);
    let mut subscribers = Vec::new();
    for pattern in patterns {
        subscribers.push(subscribed(&client, pattern).await);
    }
    let arrived = || client.statistics().in_messages.load(Ordering::Relaxed);
    let before = arrived();
    // The answer to this is a message as well.
    round_trip(&client).await;
    let answer = arrived() - before;
    let before = arrived();
    publish(&shop, &EVENTS).await;
    round_trip(&client).await;
    arrived() - before - answer
}

/// claim: nats.filter.at-server
#[tokio::test(flavor = "multi_thread")]
async fn the_server_sends_what_the_pattern_matches() {
    assert_eq!(arriving(&["order.created"]).await, 1);
    assert_eq!(arriving(&["order.*"]).await, 2);
}

/// claim: nats.filter.at-server
#[tokio::test(flavor = "multi_thread")]
async fn the_server_sends_everything_to_who_asks_for_it_contrast() {
    assert_eq!(arriving(&["order.*", "payment.*"]).await, 3);
}
