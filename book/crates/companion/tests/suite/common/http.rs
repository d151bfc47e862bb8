//! A server under test, asked over raw sockets.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::Repository;
use super::program::{PATIENCE, Running, book};

/// `cargo book serve` on a port of its own.
pub struct Server {
    pub program: Running,
    pub port: u16,
    /// The secret in the printed address.
    pub ticket: String,
}

impl Server {
    pub fn start(repository: &Repository) -> Server {
        Server::from(Running::start(&mut book(
            repository,
            &["serve", "--no-open", "--port", "0"],
        )))
    }

    /// Reads from the program's output where it listens.
    pub fn from(mut program: Running) -> Server {
        let line = program.line("the book is at http://127.0.0.1:");
        let (_, rest) = line.split_once("127.0.0.1:").unwrap();
        let (port, ticket) = rest.split_once("/?token=").unwrap();
        Server {
            program,
            port: port.parse().unwrap(),
            ticket: ticket.to_owned(),
        }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends these bytes, with the server's port for PORT, and reads to the end.
    pub fn raw(&self, request: &str) -> Answer {
        let request = request.replace("PORT", &self.port.to_string());
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        Answer::read(&mut stream)
    }

    /// A request with a good Host, these further header lines and no body.
    pub fn ask(&self, line: &str, headers: &[&str]) -> Answer {
        self.send(line, headers, "")
    }

    /// The same with a body.
    pub fn send(&self, line: &str, headers: &[&str], body: &str) -> Answer {
        let mut request =
            format!("{line} HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nConnection: close\r\n");
        for header in headers {
            request += &format!("{header}\r\n");
        }
        if !body.is_empty() {
            request += &format!("Content-Length: {}\r\n", body.len());
        }
        self.raw(&format!("{request}\r\n{body}"))
    }

    /// Trades the ticket for the cookie, as a browser does.
    pub fn cookie(&self) -> String {
        let answer = self.ask(&format!("GET /?token={}", self.ticket), &[]);
        assert_eq!(answer.status, 303, "{}", answer.body);
        let cookie = answer.header("set-cookie").unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }
}

/// An answer, taken apart.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn read(stream: &mut TcpStream) -> Answer {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}
