//! ch02-nats-pub-sub: what becomes of messages that a full socket does not take.

use std::pin::pin;
use std::time::Duration;

use async_nats::{Client, Event};
use tokio::time::timeout;
use wire::{Proxy, Way, nats};

use super::shop::{LONG, before_the_last, connect, publish, server, subscribed, until, watched};

/// Far longer than a write takes to a socket that has room.
const SOON: Duration = Duration::from_secs(1);

async fn send(client: &Client) {
    let sent = client.publish("order.created", vec![0; 16 << 10].into());
    sent.await.unwrap();
}

/// Publishes while nobody reads at the other end, until the socket is full and three messages wait
/// behind it. How many there are in all.
async fn fill(client: &Client) -> u64 {
    let mut published = 0;
    loop {
        send(client).await;
        published += 1;
        match timeout(SOON, client.flush()).await {
            Ok(flushed) => flushed.unwrap(),
            Err(_) => break,
        }
        assert!(published < 4096, "64 MiB, and the socket has room");
    }
    // With the rest of the last one they are less than 64 KiB. Where more is to be written, the client
    // takes nothing from its queue, not even the order to drain.
    send(client).await;
    send(client).await;
    published + 2
}

/// A program publishes more than the socket takes, and drains. Then the other end reads again; where
/// the program flushes first, it does so before that. How many messages there were, and how many of
/// them have gone out when the connection is closed.
///
/// This needs a runtime of one thread: there, a client has tried to write all that it has by the time
/// when somebody hears that it drains.
async fn drained(flushes: bool) -> (u64, u64) {
    let nats = server().await;
    let wire = Proxy::nats(nats.url()).await.unwrap();
    let (client, mut told) = watched(wire.url()).await;
    wire.partition(Way::ToBroker);
    let published = fill(&client).await;
    if flushes {
        wire.heal();
        timeout(LONG, client.flush()).await.unwrap().unwrap();
    }
    client.drain().await.unwrap();
    until(Event::Draining, &mut told).await;
    wire.heal();
    until(Event::Closed, &mut told).await;
    timeout(LONG, wire.closed()).await.unwrap().unwrap();
    (published, wire.count(nats::PUB))
}

/// claim: nats.drain.full-socket
#[tokio::test]
async fn drain_gives_up_what_a_full_socket_does_not_take() {
    let (published, gone_out) = drained(false).await;
    assert!(gone_out < published, "{gone_out} of {published}");
}

/// claim: nats.drain.full-socket
#[tokio::test]
async fn drain_gives_up_what_a_full_socket_does_not_take_contrast() {
    let (published, gone_out) = drained(true).await;
    assert_eq!(gone_out, published);
}

/// A flush waits, as the socket is full. Then the connection breaks, or the other end reads again, and
/// the flush returns. How many messages were published before it, and how many of them arrive.
async fn flushed(breaks: bool) -> (u64, usize) {
    let nats = server().await;
    let wire = Proxy::nats(nats.url()).await.unwrap();
    let shop = connect(&nats).await;
    let mut email = subscribed(&shop, "order.*").await;
    let (client, mut told) = watched(wire.url()).await;
    wire.partition(Way::ToBroker);
    let published = fill(&client).await;
    let mut flush = pin!(client.flush());
    assert!(timeout(SOON, &mut flush).await.is_err(), "it waits");
    if breaks {
        wire.reset();
        until(Event::Disconnected, &mut told).await;
    }
    wire.heal();
    timeout(LONG, flush).await.unwrap().unwrap();
    publish(&client, &["order.shipped"]).await;
    (published, before_the_last(&mut email).await.len())
}

/// claim: nats.flush.reconnect
#[tokio::test(flavor = "multi_thread")]
async fn a_flush_that_meets_a_reconnect_returns_ok_for_what_is_gone() {
    let (_, arrived) = flushed(true).await;
    assert_eq!(arrived, 0);
}

/// claim: nats.flush.reconnect
#[tokio::test(flavor = "multi_thread")]
async fn a_flush_that_meets_a_reconnect_returns_ok_for_what_is_gone_contrast() {
    let (published, arrived) = flushed(false).await;
    assert_eq!(arrived as u64, published);
}
