//! The book as `cargo book serve` serves it: its listings run from their pages, on the warm brokers.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use book_tests::programs::programs;
use book_tests::root;
use book_tests::warm::Warm;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long the server may be silent: it builds the book and the listings first.
const PATIENCE: Duration = Duration::from_secs(300);

/// A server of the book, and a browser that has its cookie. Ended when dropped.
struct Server {
    program: Child,
    port: u16,
    cookie: String,
}

impl Server {
    /// Serves the book. Its listings take the warm brokers and say in the file `record` what they
    /// took.
    fn start(warm: &Warm, folder: &Path, record: &Path) -> Server {
        let mut program = Command::new(programs().path("companion").unwrap())
            .args(["serve", "--no-open", "--port", "0"])
            .current_dir(root())
            .env("BOOK_CACHE", warm.cache())
            .env("BOOK_RECORD", record)
            .env("MDBOOK_BUILD__BUILD_DIR", folder)
            // What a test runs is not what the reader of this folder has tried.
            .env("BOOK_OWN", folder.with_extension("own"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = program.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let (_, rest) = line.trim().split_once("127.0.0.1:").unwrap();
        let (port, ticket) = rest.split_once('/').unwrap();
        let mut server = Server {
            program,
            port: port.parse().unwrap(),
            cookie: String::new(),
        };
        let answer = server.ask("GET", &format!("/{ticket}"), "");
        let (_, cookie) = answer.split_once("set-cookie: ").unwrap();
        server.cookie = cookie.split(';').next().unwrap().to_owned();
        server
    }

    /// The whole answer. Of this version of HTTP, it comes as it is.
    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (port, cookie, length) = (self.port, &self.cookie, body.len());
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\
             Origin: http://127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Runs a listing, and gives the news of it.
    fn run(&self, listing: &str, knobs: Value) -> Vec<Value> {
        let asked = json!({"listing": listing, "knobs": knobs});
        let answer = self.ask("POST", "/-/run", &asked.to_string());
        let news = answer
            .lines()
            .filter_map(|line| line.strip_prefix("data: "));
        let news: Vec<Value> = news.map(|it| serde_json::from_str(it).unwrap()).collect();
        assert!(!news.is_empty(), "{answer}");
        news
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[test]
fn a_listing_of_each_broker_runs_from_its_page_as_it_is_recorded() {
    let warm = Warm::start(programs()).unwrap();
    let folder = TempDir::new().unwrap();
    let record = folder.path().join("brokers");
    let server = Server::start(&warm, &folder.path().join("book"), &record);
    let page = server.ask("GET", "/ch03-rabbit-queue.html", "");
    assert!(page.contains("<figure class=\"transcript\""));
    for (listing, knobs, broker) in [
        ("ch02-nats-pub-sub", json!({"finish": "drop"}), None),
        (
            "ch03-rabbit-queue",
            json!({"crash-after": "2", "ack": "auto"}),
            Some("RabbitMQ"),
        ),
        ("ch04-kafka-keys", json!({"key": "customer"}), Some("Kafka")),
    ] {
        let news = server.run(listing, knobs);
        let end = news.last().unwrap();
        assert_eq!(end["equal"], true, "{listing}: {news:#?}");
        let knobs = news.iter().find(|it| it["news"] == "knobs").unwrap();
        let told = knobs["knobs"].as_array().unwrap();
        assert!(!told.is_empty() && told.iter().all(|knob| knob["about"] != ""));
        if let Some(broker) = broker {
            let used = std::fs::read_to_string(&record).unwrap();
            let used = used.lines().map(|it| serde_json::from_str(it).unwrap());
            let used: Vec<Value> = used.filter(|it: &Value| it["broker"] == broker).collect();
            let warm = used.iter().any(|it| it["source"] == "warm");
            assert!(warm, "{listing}: {used:?}");
        }
    }
}
