//! A tap, asked by listings and by others.

use std::time::{Duration, Instant};

use companion::tap::Tap;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

/// A broker that says what NATS says first, and then listens.
async fn broker() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = client.write_all(b"INFO {}\r\n").await;
                tokio::io::copy(&mut client, &mut tokio::io::sink()).await
            });
        }
    });
    format!("nats://127.0.0.1:{port}")
}

/// Where the tap is asked, and its word.
fn setting(tap: &Tap) -> (String, String) {
    let (address, word) = tap.setting().split_once('/').unwrap();
    (address.to_owned(), word.to_owned())
}

async fn ask(address: &str, question: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(question.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    // The end of a question that was not read to its end is a reset.
    let _ = timeout(PATIENCE, read).await.unwrap();
    answer
}

/// A client that says this through the tap, and goes.
async fn say(url: &str, what: &str) {
    let mut client = TcpStream::connect(url.trim_start_matches("nats://"))
        .await
        .unwrap();
    let (from, mut to) = client.split();
    let mut greeting = String::new();
    let mut from = BufReader::new(from);
    from.read_line(&mut greeting).await.unwrap();
    assert!(greeting.starts_with("INFO "), "{greeting}");
    to.write_all(what.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn what_clients_say_is_told_with_their_names() {
    let (begun, tap) = (Instant::now(), Tap::open("ch02-x").await.unwrap());
    let (address, word) = setting(&tap);
    let url = broker().await;
    let answer = ask(&address, &format!("{word} nats {url}\n")).await;
    let given = answer.strip_prefix("ok ").unwrap().trim_end();
    assert_ne!(given, url);
    // The same proxy: whether the broker is asked for again, or the proxy is.
    for again in [&url, given] {
        assert_eq!(
            ask(&address, &format!("{word} nats {again}\n")).await,
            answer
        );
    }
    say(
        given,
        "CONNECT {\"name\":\"shop\"}\r\nPING\r\nPUB order.created _INBOX.x 3\r\no-1\r\n",
    )
    .await;
    let wire = timeout(PATIENCE, tap.all(begun)).await.unwrap();
    let [frame] = &wire.frames[..] else {
        panic!("{wire:?}");
    };
    let columns = "  shop  ->  PUB  o-1  subject: order.created; reply: inbox 1";
    assert_eq!(frame.to_string(), format!("{}{columns}", frame.ms));
    let rest: Vec<(&str, u64)> = wire
        .rest
        .iter()
        .map(|(kind, count)| (kind.as_str(), *count))
        .collect();
    assert_eq!(rest, [("CONNECT", 1), ("INFO", 1), ("PING", 1)]);
}

#[tokio::test]
async fn whoever_asks_for_something_else_is_refused_and_the_tap_goes_on() {
    let tap = Tap::open("ch02-x").await.unwrap();
    let (address, word) = setting(&tap);
    let url = broker().await;
    let other = word.chars().rev().collect::<String>();
    for (question, why) in [
        (
            format!("{other} nats {url}\n"),
            "this is not the tap's word",
        ),
        (
            format!("{}x nats {url}\n", &word[..31]),
            "this is not the tap's word",
        ),
        (format!(" nats {url}\n"), "this is not the tap's word"),
        (
            format!("{word} nats {url} more\n"),
            "a question is WORD KIND URL",
        ),
        ("\n".to_owned(), "a question is WORD KIND URL"),
        (
            "GET / HTTP/1.1\r\n".to_owned(),
            "this is not the tap's word",
        ),
        (format!("{word} ftp {url}\n"), "there is no broker ftp"),
        (
            format!("{word} nats nats://192.0.2.1:4222\n"),
            "only a broker on this machine",
        ),
        (
            format!("{word} kafka 127.0.0.1:1,example.com:9092\n"),
            "only a broker on this machine",
        ),
        (
            format!("{word} rabbitmq amqp://127.0.0.1@example.com/\n"),
            "only a broker on this machine",
        ),
        (
            format!("{word} nats nats://127.0.0.1:1\n"),
            "no broker answers at 127.0.0.1:1",
        ),
        (
            format!("{word} nats tls://127.0.0.1:1\n"),
            "is no address for the proxy",
        ),
    ] {
        let answer = ask(&address, &question).await;
        assert!(
            answer.starts_with("no ") && answer.contains(why),
            "{question}: {answer}"
        );
        assert_eq!(answer.lines().count(), 1, "{answer}");
    }
    // One that never asks, and one that never ends its question.
    let _silent = TcpStream::connect(&address).await.unwrap();
    let endless = ask(&address, &"x".repeat(100_000)).await;
    assert!(
        endless.is_empty() || endless.starts_with("no "),
        "{endless}"
    );
    // Eight brokers, and no more.
    for number in 0..9 {
        let answer = ask(&address, &format!("{word} nats {}\n", broker().await)).await;
        let expected = if number < 8 {
            "ok "
        } else {
            "no a run has at most 8 brokers"
        };
        assert!(answer.starts_with(expected), "{number}: {answer}");
    }
}

#[tokio::test]
async fn nothing_listens_once_a_tap_is_gone() {
    let tap = Tap::open("ch02-x").await.unwrap();
    let (address, word) = setting(&tap);
    let answer = ask(&address, &format!("{word} nats {}\n", broker().await)).await;
    let given = answer
        .trim_end()
        .strip_prefix("ok nats://")
        .unwrap()
        .to_owned();
    drop(tap);
    let gone = async {
        while TcpStream::connect(&address).await.is_ok() || TcpStream::connect(&given).await.is_ok()
        {
            // poll: nobody tells that a port is closed
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, gone).await.unwrap();
}
