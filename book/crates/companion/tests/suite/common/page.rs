//! An open page: it has the session's cookie, starts a listing and hears of it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::Repository;
use super::exercise;
use super::http::{Answer, Server};
use super::program::{Running, book};

/// A listing's manifest: of two lanes and two knobs.
const MANIFEST: &str = r#"
[package]
name = "ch01-x"
edition = "2024"

[features]
kafka = []
unused = []

[package.metadata.book]
brokers = ["rabbitmq"]
lanes = ["shop", "worker 1"]

[package.metadata.book.knobs]
ack = ["manual", "auto"]
crash = ["0", "2"]
"#;

/// What the listing says of its knobs.
const HELP: &str = "\
Options:
      --ack <ACK>      When the broker may forget [default: manual] [possible values: manual, auto]
      --crash <CRASH>  Who dies [default: 0] [possible values: 0, 2]
";

/// A server of a book whose one listing, `ch01-x`, is a shell script, with a stand-in for cargo.
pub struct Stage {
    pub repository: Repository,
    pub server: Server,
    cookie: String,
}

impl Stage {
    /// Serves a book with a listing that does `script`, and with no recorded run.
    pub fn new(script: &str) -> Stage {
        Stage::with(script, &[], ":")
    }

    /// The same with recorded runs, name and text, and a cargo that first does `cargo`.
    pub fn with(script: &str, transcripts: &[(&str, &str)], cargo: &str) -> Stage {
        let repository = Repository::new();
        repository.write("chapters/ch01-x/Cargo.toml", MANIFEST);
        for (name, text) in transcripts {
            let path = format!("chapters/ch01-x/transcripts/{name}.trycmd");
            repository.write(&path, text);
        }
        repository.write("help", HELP);
        let listing = format!("[ \"$1\" != -h ] || exec cat help\n{script}");
        exercise::script(&repository, "listing.sh", &listing);
        let artifact = r#"{"reason":"compiler-artifact","target":{"name":"ch01-x","kind":["bin"]},"executable":"%s"}\n"#;
        let cargo =
            format!("echo \"$*\" >> calls\n{cargo}\nprintf '{artifact}' \"$PWD/listing.sh\"");
        exercise::script(&repository, "cargo.sh", &cargo);
        let mut command = book(&repository, &["serve", "--no-open", "--port", "0"]);
        command.env("CARGO", repository.path().join("cargo.sh"));
        Stage::of(repository, Server::from(Running::start(&mut command)))
    }

    /// The server of a repository that has a listing `ch01-x`.
    pub fn of(repository: Repository, server: Server) -> Stage {
        let cookie = server.cookie();
        Stage {
            repository,
            server,
            cookie,
        }
    }

    /// The headers of a write that passes.
    pub fn headers(&self) -> [String; 3] {
        [
            format!("Origin: http://127.0.0.1:{}", self.server.port),
            format!("Cookie: {}", self.cookie),
            "Content-Type: application/json".to_owned(),
        ]
    }

    /// A write, answered to its end.
    pub fn post(&self, path: &str, body: &str) -> Answer {
        let headers = self.headers();
        let headers = headers.each_ref().map(String::as_str);
        self.server.send(&format!("POST {path}"), &headers, body)
    }

    /// Starts the listing without knobs.
    pub fn run(&self) -> Run {
        self.run_with(json!({}))
    }

    /// Starts it with these.
    pub fn run_with(&self, knobs: Value) -> Run {
        let run = self.ask(&json!({"listing": "ch01-x", "knobs": knobs}));
        assert_eq!(run.status, 200);
        run
    }

    /// Asks for a run, and reads the head of the answer.
    pub fn ask(&self, body: &Value) -> Run {
        Run::read(self.send(body))
    }

    /// Asks for a run.
    pub fn send(&self, body: &Value) -> TcpStream {
        self.send_to("/-/run", body)
    }

    /// A write whose answer is a stream.
    pub fn send_to(&self, path: &str, body: &Value) -> TcpStream {
        let mut stream = self.server.connect();
        let body = body.to_string();
        // Of this version, the answer has no chunks.
        let request = format!(
            "POST {path} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\n{}\r\nContent-Length: {}\r\n\r\n{body}",
            self.server.port,
            self.headers().join("\r\n"),
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// Asks it to end the run that said this of itself.
    pub fn stop(&self, begun: &Value) -> Answer {
        self.post("/-/stop", &json!({"run": begun["run"]}).to_string())
    }
}

/// The stream of a run. Dropped, the page is gone.
pub struct Run {
    pub status: u16,
    reader: BufReader<TcpStream>,
}

impl Run {
    /// Reads the head of the answer to a request.
    pub fn read(stream: TcpStream) -> Run {
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = reader.read_line(&mut head).unwrap();
            assert!(read > 0, "the answer has no head: {head:?}");
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Run { status, reader }
    }

    /// The next piece of news; none once the stream has ended.
    pub fn next(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(data).unwrap());
            }
        }
    }

    /// The next piece of this kind. What comes before it is passed over.
    pub fn wait(&mut self, kind: &str) -> Value {
        let mut passed = Vec::new();
        while let Some(news) = self.next() {
            if news["news"] == kind {
                return news;
            }
            passed.push(news);
        }
        panic!("the stream ended without {kind}: {passed:#?}");
    }

    /// Waits for a comment, by which the server finds out whether the page is still there.
    pub fn sign_of_life(&mut self) {
        let mut line = String::new();
        while !line.starts_with(':') {
            line.clear();
            assert!(
                self.reader.read_line(&mut line).unwrap() > 0,
                "the stream ended"
            );
        }
    }

    /// All news to the end.
    pub fn rest(mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.next()).collect()
    }

    /// The end, whatever comes before it.
    pub fn end(mut self) -> Value {
        let end = self.wait("end");
        assert_eq!(self.next(), None, "the stream ends with it");
        end
    }
}
