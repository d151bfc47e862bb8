//! ch02-nats-connection: what waits in a client without a server, and what a new connection brings.

use std::time::Duration;

use async_nats::client::PublishErrorKind;
use async_nats::connection::State;
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event};
use brokers::Broker;
use futures_util::StreamExt;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;
use wire::Proxy;

use super::shop::{
    LONG, connect, here, next, patient, round_trip, server, subscribed, until, watched,
};

const CREATED: &str = "order.created";
/// How long nothing must happen.
const SOON: Duration = Duration::from_millis(200);

/// A client whose server has been killed, and which knows it.
async fn cut_off(options: ConnectOptions) -> (Broker, Client, UnboundedReceiver<Event>) {
    let mut nats = server().await;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let options = options.event_callback(move |event| {
        let _ = tell.send(event);
        async {}
    });
    let client = options.connect(nats.url()).await.unwrap();
    nats.kill().await.unwrap();
    until(Event::Disconnected, &mut told).await;
    (nats, client, told)
}

/// claim: nats.reconnect.capacity
#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_makes_publish_wait() {
    let (_nats, client, _told) = cut_off(ConnectOptions::new().client_capacity(8)).await;
    for _ in 0..8 {
        client.publish(CREATED, "o-1".into()).await.unwrap();
    }
    let ninth = client.publish(CREATED, "o-9".into());
    assert!(timeout(SOON, ninth).await.is_err(), "it waits");
}

/// claim: nats.reconnect.capacity
#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_makes_publish_wait_contrast() {
    let (_nats, client, _told) = cut_off(ConnectOptions::new()).await;
    for _ in 0..2048 {
        let sent = client.publish(CREATED, "o-1".into());
        timeout(LONG, sent).await.unwrap().unwrap();
    }
    let next = client.publish(CREATED, "o-1".into());
    assert!(timeout(SOON, next).await.is_err(), "2,048, and no more");
}

/// claim: nats.flush.disconnected
#[tokio::test(flavor = "multi_thread")]
async fn flush_waits_for_a_server() {
    let (_nats, client, _told) = cut_off(ConnectOptions::new()).await;
    client.publish(CREATED, "o-1".into()).await.unwrap();
    assert!(timeout(SOON, client.flush()).await.is_err(), "it waits");
}

/// claim: nats.flush.disconnected
#[tokio::test(flavor = "multi_thread")]
async fn flush_waits_for_a_server_contrast() {
    let (mut nats, client, _told) = cut_off(ConnectOptions::new()).await;
    client.publish(CREATED, "o-1".into()).await.unwrap();
    nats.restart().await.unwrap();
    timeout(LONG, client.flush()).await.unwrap().unwrap();
}

/// Subscribes, and publishes after a restart from a connection of its own. Whether it arrives.
async fn after_a_restart(keep: bool) -> Vec<String> {
    let mut nats = server().await;
    let (client, mut told) = watched(nats.url()).await;
    let mut email = subscribed(&client, CREATED).await;
    if !keep {
        email.unsubscribe().await.unwrap();
        round_trip(&client).await;
    }
    nats.kill().await.unwrap();
    until(Event::Disconnected, &mut told).await;
    nats.restart().await.unwrap();
    until(Event::Connected, &mut told).await;
    round_trip(&client).await;
    let publisher = connect(&nats).await;
    publisher.publish(CREATED, "o-1".into()).await.unwrap();
    round_trip(&publisher).await;
    round_trip(&client).await;
    here(&mut email)
}

/// claim: nats.reconnect.resubscribed
#[tokio::test(flavor = "multi_thread")]
async fn a_new_connection_has_the_subscriptions_of_the_old_one() {
    assert_eq!(after_a_restart(true).await, [CREATED]);
}

/// claim: nats.reconnect.resubscribed
#[tokio::test(flavor = "multi_thread")]
async fn a_new_connection_has_the_subscriptions_of_the_old_one_contrast() {
    assert_eq!(after_a_restart(false).await, [""; 0], "only those");
}

/// claim: nats.connect.first-fails
#[tokio::test(flavor = "multi_thread")]
async fn the_first_connect_does_not_try_again() {
    let mut nats = server().await;
    nats.kill().await.unwrap();
    let failed = async_nats::connect(nats.url()).await;
    assert_eq!(failed.unwrap_err().kind(), ConnectErrorKind::Io);
}

/// claim: nats.connect.first-fails
#[tokio::test(flavor = "multi_thread")]
async fn the_first_connect_does_not_try_again_contrast() {
    let mut nats = server().await;
    nats.kill().await.unwrap();
    let options = ConnectOptions::new().retry_on_initial_connect();
    let client = options.connect(nats.url()).await.unwrap();
    nats.restart().await.unwrap();
    round_trip(&client).await;
}

/// Publishes two orders in an outage, after which orders or email is back first. What email gets.
async fn outage(email_first: bool, hung: bool) -> usize {
    let mut nats = server().await;
    // Who comes later goes through a proxy, which takes nobody until the other one is back.
    let wire = Proxy::nats(nats.url()).await.unwrap();
    let (orders, email) = match email_first {
        true => (wire.url(), nats.url()),
        false => (nats.url(), wire.url()),
    };
    let soon = || patient().reconnect_delay_callback(|_| Duration::from_millis(10));
    let orders = soon().connect(orders).await.unwrap();
    let email = soon().connect(email).await.unwrap();
    let mut created = subscribed(&email, CREATED).await;
    if hung {
        // The server hangs before it is gone, so the client can write to the socket.
        nats.pause().await.unwrap();
        publish_two(&orders).await;
        orders.flush().await.unwrap();
    }
    wire.refuse();
    nats.kill().await.unwrap();
    for client in [&orders, &email] {
        let gone = async {
            while client.connection_state() != State::Disconnected {
                tokio::task::yield_now().await;
            }
        };
        timeout(LONG, gone).await.unwrap();
    }
    if !hung {
        publish_two(&orders).await;
    }
    nats.restart().await.unwrap();
    round_trip(if email_first { &email } else { &orders }).await;
    wire.heal();
    round_trip(&orders).await;
    round_trip(&email).await;
    here(&mut created).len()
}

async fn publish_two(client: &Client) {
    for order in ["o-1", "o-2"] {
        client.publish(CREATED, order.into()).await.unwrap();
    }
}

/// claim: nats.reconnect.who-first
#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_is_back_first_publishes_to_nobody() {
    assert_eq!(outage(false, false).await, 0);
}

/// claim: nats.reconnect.who-first
#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_is_back_first_publishes_to_nobody_contrast() {
    assert_eq!(outage(true, false).await, 2);
}

/// claim: nats.reconnect.queued
#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_without_a_server_is_sent_later() {
    assert_eq!(outage(true, false).await, 2, "both waited in the client");
}

/// claim: nats.reconnect.queued
#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_without_a_server_is_sent_later_contrast() {
    assert_eq!(outage(true, true).await, 0, "both were on the socket");
}

/// claim: nats.reconnect.given-up
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_given_up_never_comes_back() {
    let mut nats = server().await;
    let client = patient().max_reconnects(1).connect(nats.url()).await;
    let client = client.unwrap();
    let mut created = subscribed(&client, CREATED).await;
    nats.kill().await.unwrap();
    let ended = timeout(LONG, created.next()).await.unwrap();
    assert!(ended.is_none(), "{ended:?}");
    nats.restart().await.unwrap();
    // Its task ends a moment after its subscriptions.
    let refused = async {
        loop {
            if let Err(error) = client.publish(CREATED, "o-1".into()).await {
                return error.kind();
            }
        }
    };
    let refused = timeout(LONG, refused).await.unwrap();
    assert_eq!(refused, PublishErrorKind::Send);
}

/// claim: nats.reconnect.given-up
#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_a_limit_comes_back_with_its_subscriptions_contrast() {
    let mut nats = server().await;
    let (client, mut told) = watched(nats.url()).await;
    let mut created = subscribed(&client, CREATED).await;
    nats.kill().await.unwrap();
    until(Event::Disconnected, &mut told).await;
    nats.restart().await.unwrap();
    until(Event::Connected, &mut told).await;
    round_trip(&client).await;
    client.publish(CREATED, "o-1".into()).await.unwrap();
    assert_eq!(next(&mut created).await.payload, "o-1");
}

/// What becomes of a client's connection when its `Client` is dropped: the proxy has an open one, and
/// what is published reaches the subscription.
async fn connection_without_its_client(keeps_subscription: bool) -> u32 {
    let nats = server().await;
    let wire = Proxy::nats(nats.url()).await.unwrap();
    let email = async_nats::connect(wire.url()).await.unwrap();
    let mut events = subscribed(&email, CREATED).await;
    drop(email);
    if keeps_subscription {
        let shop = connect(&nats).await;
        shop.publish(CREATED, "o-1".into()).await.unwrap();
        timeout(LONG, events.next()).await.unwrap().unwrap();
    } else {
        drop(events);
        timeout(LONG, wire.closed()).await.unwrap().unwrap();
    }
    wire.connections()
}

/// claim: nats.connection.subscription-keeps
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_stays_open_for_a_subscription_without_its_client() {
    assert_eq!(connection_without_its_client(true).await, 1);
}

/// claim: nats.connection.subscription-keeps
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_ends_with_its_client_and_all_of_its_subscriptions_contrast() {
    assert_eq!(connection_without_its_client(false).await, 0);
}
