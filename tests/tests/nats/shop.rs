//! A NATS for each test, and the steps that most of them take.

use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, Message, RequestErrorKind, Subscriber};
use brokers::{Broker, Kind, Options};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Longer than anything here takes; only a test that fails waits so long.
pub const LONG: Duration = Duration::from_secs(20);

pub async fn server() -> Broker {
    let options = Options {
        private: true,
        ..Options::default()
    };
    brokers::start(Kind::Nats, options).await.unwrap()
}

pub async fn connect(nats: &Broker) -> Client {
    async_nats::connect(nats.url()).await.unwrap()
}

/// A connection, and what it tells about itself.
pub async fn watched(url: &str) -> (Client, mpsc::UnboundedReceiver<Event>) {
    let (tell, told) = mpsc::unbounded_channel();
    let options = ConnectOptions::new().event_callback(move |event| {
        let _ = tell.send(event);
        async {}
    });
    (options.connect(url).await.unwrap(), told)
}

pub async fn until(event: Event, told: &mut mpsc::UnboundedReceiver<Event>) {
    while timeout(LONG, told.recv()).await.unwrap().unwrap() != event {}
}

/// Asks on a subject that nobody listens to. The server itself answers that.
pub async fn round_trip(client: &Client) {
    let answer = client.request(client.new_inbox(), "".into()).await;
    assert_eq!(answer.unwrap_err().kind(), RequestErrorKind::NoResponders);
}

/// A subscription that the server knows of.
pub async fn subscribed(client: &Client, subject: &'static str) -> Subscriber {
    let subscriber = client.subscribe(subject).await.unwrap();
    round_trip(client).await;
    subscriber
}

/// Publishes one message per subject, and returns when the server has passed them on.
pub async fn publish(client: &Client, subjects: &[&'static str]) {
    for subject in subjects {
        client.publish(*subject, "o-1".into()).await.unwrap();
    }
    round_trip(client).await;
}

pub async fn next(subscriber: &mut Subscriber) -> Message {
    timeout(LONG, subscriber.next()).await.unwrap().unwrap()
}

/// The subjects of all messages that come before one that everybody gets: `order.shipped`.
pub async fn before_the_last(subscriber: &mut Subscriber) -> Vec<String> {
    let mut subjects = Vec::new();
    loop {
        let subject = next(subscriber).await.subject.to_string();
        if subject == "order.shipped" {
            return subjects;
        }
        subjects.push(subject);
    }
}

/// The subjects of all messages that are here, without waiting for another one.
pub fn here(subscriber: &mut Subscriber) -> Vec<String> {
    // Unconstrained: else tokio makes a task that takes many messages in a row wait.
    let mut next = || tokio::task::unconstrained(subscriber.next()).now_or_never();
    let messages = std::iter::from_fn(|| next().flatten());
    messages
        .map(|message| message.subject.to_string())
        .collect()
}
