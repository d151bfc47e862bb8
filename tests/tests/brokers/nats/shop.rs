//! A NATS for each test, and the steps that most of them take.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, Message, RequestErrorKind, Subscriber};
use brokers::{Broker, Kind, Options};
use futures_util::{FutureExt, StreamExt};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
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

/// Nothing here gives up before [`LONG`].
pub fn patient() -> ConnectOptions {
    ConnectOptions::new()
        .connection_timeout(LONG)
        .request_timeout(Some(LONG))
}

pub async fn connect(nats: &Broker) -> Client {
    patient().connect(nats.url()).await.unwrap()
}

/// A connection, and what it tells about itself.
pub async fn watched(url: &str) -> (Client, mpsc::UnboundedReceiver<Event>) {
    let (tell, told) = mpsc::unbounded_channel();
    let options = patient().event_callback(move |event| {
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

/// Between a server and one client; what the server says passes while there are permits.
pub async fn gate(nats: &Broker) -> (String, Arc<Semaphore>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    let address = nats.url().trim_start_matches("nats://").to_owned();
    let permits = Arc::new(Semaphore::new(1000));
    let pass = permits.clone();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let server = TcpStream::connect(address).await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (from_server, mut to_server) = server.into_split();
        tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
        let mut from_server = BufReader::new(from_server);
        let mut said = Vec::new();
        while from_server
            .read_until(b'\n', &mut said)
            .await
            .is_ok_and(|read| read > 0)
        {
            if said.starts_with(b"MSG") {
                from_server.read_until(b'\n', &mut said).await.unwrap();
            }
            pass.acquire().await.unwrap().forget();
            // The client may have closed the connection.
            let _ = to_client.write_all(&said).await;
            said.clear();
        }
    });
    (url, permits)
}
