//! ch06-monitoring: what the server's own page of numbers, `/varz`, counts as a slow consumer.

use std::process::Stdio;
use std::sync::atomic::Ordering;

use async_nats::Client;
use book_tests::skipped;
use brokers::{Group, Guard, gated};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::ChildStderr;
use tokio::time::timeout;

use super::shop::{LONG, here, patient, round_trip, subscribed};
use crate::http;

const CREATED: &str = "order.created";
/// The largest message that a server takes by default.
const MEBIBYTE: usize = 1_048_576;

/// A server that shows its numbers, at ports that it chose itself. It ends with this value, and with
/// the test.
struct Monitored {
    clients: String,
    numbers: String,
    _group: Group,
    _guard: Guard,
}

impl Monitored {
    /// `None` where this machine can have a server in a container only, which has no such port.
    async fn start() -> Option<Monitored> {
        // The program that the other tests run, with other options.
        let program = match brokers::nats_program().await {
            Ok(program) => program,
            Err(error) => {
                skipped(&error.to_string(), "put nats-server on PATH");
                return None;
            }
        };
        let mut command = gated(program);
        command.args(["--addr=127.0.0.1", "--port=-1", "--http_port=-1"]);
        command.stderr(Stdio::piped());
        let mut guard = Guard::new().unwrap();
        let mut group = Group::spawn(&mut command).unwrap();
        guard.admit(&mut group.child).await.unwrap();
        let mut said = BufReader::new(group.child.stderr.take().unwrap()).lines();
        let numbers = address_after("Starting http monitor on ", &mut said).await;
        let clients = address_after("Listening for client connections on ", &mut said).await;
        tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
        Some(Monitored {
            clients,
            numbers,
            _group: group,
            _guard: guard,
        })
    }

    async fn slow_consumers(&self) -> u64 {
        let body = http::get(&self.numbers, "/varz").await;
        let varz: serde_json::Value = serde_json::from_str(&body).unwrap();
        varz["slow_consumers"].as_u64().unwrap()
    }
}

/// The address that the server tells after these words.
async fn address_after(words: &str, said: &mut Lines<BufReader<ChildStderr>>) -> String {
    loop {
        let line = timeout(LONG, said.next_line()).await.unwrap().unwrap();
        if let Some((_, address)) = line.unwrap().split_once(words) {
            return address.trim().to_owned();
        }
    }
}

async fn publish_a_mebibyte(client: &Client) {
    let body = vec![0; MEBIBYTE];
    client.publish(CREATED, body.into()).await.unwrap();
    round_trip(client).await;
}

/// claim: nats.varz.slow-consumers
#[tokio::test(flavor = "multi_thread")]
async fn the_server_counts_and_closes_a_connection_that_nobody_reads() {
    let Some(nats) = Monitored::start().await else {
        return;
    };
    let email = TcpStream::connect(&nats.clients).await.unwrap();
    let mut email = BufReader::new(email);
    let subscribe = b"CONNECT {\"verbose\":false}\r\nSUB order.created 1\r\nPING\r\n";
    email.get_mut().write_all(subscribe).await.unwrap();
    let mut line = String::new();
    while line != "PONG\r\n" {
        line.clear();
        let read = timeout(LONG, email.read_line(&mut line)).await;
        assert_ne!(read.unwrap().unwrap(), 0, "the server has closed");
    }
    // It reads nothing from now on. The server keeps 64 MiB for it, beside what the sockets hold.
    assert_eq!(nats.slow_consumers().await, 0);
    let orders = patient().connect(&nats.clients).await.unwrap();
    let counted = async {
        while nats.slow_consumers().await == 0 {
            publish_a_mebibyte(&orders).await;
        }
    };
    timeout(LONG * 3, counted).await.unwrap();
    // And it closes: behind what the sockets still hold comes the end, or a reset.
    let ended = timeout(LONG, tokio::io::copy(&mut email, &mut tokio::io::sink())).await;
    assert!(ended.is_ok(), "the server keeps the connection");
}

/// claim: nats.varz.slow-consumers
#[tokio::test(flavor = "multi_thread")]
async fn the_server_does_not_count_what_a_client_reads_and_drops_contrast() {
    let Some(nats) = Monitored::start().await else {
        return;
    };
    let email = patient().subscription_capacity(8);
    let email = email.connect(&nats.clients).await.unwrap();
    let mut created = subscribed(&email, CREATED).await;
    let orders = patient().connect(&nats.clients).await.unwrap();
    for _ in 0..100 {
        publish_a_mebibyte(&orders).await;
        // The client has read it when this answer is here. Nobody looks at `created`.
        round_trip(&email).await;
    }
    assert_eq!(here(&mut created).len(), 8, "92 are dropped");
    assert_eq!(nats.slow_consumers().await, 0);
    round_trip(&email).await;
    assert_eq!(email.statistics().connects.load(Ordering::Relaxed), 1);
}
