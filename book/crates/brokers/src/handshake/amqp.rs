//! AMQP 0-9-1 as far as `connection.open-ok`, and a passive declaration.
//!
//! Frames and methods: AMQP 0-9-1 specification, sections 2.3.5 and 4.2.

use std::fmt::Write as _;
use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use super::{LONGEST, PATIENCE, connect, percent_decode, redacted};
use crate::{Error, Kind};

const KIND: Kind = Kind::RabbitMq;
const METHOD_FRAME: u8 = 1;
const FRAME_END: u8 = 0xCE;

/// Class and method ids of what is said here.
mod method {
    pub(super) const CONNECTION_START: (u16, u16) = (10, 10);
    pub(super) const CONNECTION_START_OK: (u16, u16) = (10, 11);
    pub(super) const CONNECTION_TUNE: (u16, u16) = (10, 30);
    pub(super) const CONNECTION_TUNE_OK: (u16, u16) = (10, 31);
    pub(super) const CONNECTION_OPEN: (u16, u16) = (10, 40);
    pub(super) const CONNECTION_OPEN_OK: (u16, u16) = (10, 41);
    pub(super) const CONNECTION_CLOSE: (u16, u16) = (10, 50);
    pub(super) const CHANNEL_OPEN: (u16, u16) = (20, 10);
    pub(super) const CHANNEL_OPEN_OK: (u16, u16) = (20, 11);
    pub(super) const CHANNEL_CLOSE: (u16, u16) = (20, 40);
    pub(super) const EXCHANGE_DECLARE: (u16, u16) = (40, 10);
    pub(super) const EXCHANGE_DECLARE_OK: (u16, u16) = (40, 11);
    pub(super) const QUEUE_DECLARE: (u16, u16) = (50, 10);
    pub(super) const QUEUE_DECLARE_OK: (u16, u16) = (50, 11);
}

/// What an `amqp://` address says.
#[derive(Debug)]
pub(crate) struct Address {
    host: String,
    port: u16,
    user: String,
    password: String,
    vhost: String,
    /// The address without its password, for messages.
    pub(crate) shown: String,
}

impl Address {
    /// Reads an address as RabbitMQ's URI specification has it: no path is the virtual host `/`.
    pub(crate) fn parse(text: &str) -> Result<Address, Error> {
        let bad = |reason: String| Error::BadUrl {
            kind: KIND,
            value: redacted(text),
            reason,
        };
        let url = Url::parse(text).map_err(|error| bad(error.to_string()))?;
        match url.scheme() {
            "amqp" => {}
            "amqps" => return Err(bad(
                "the listings speak plain AMQP: use amqp://, on loopback or in a private network"
                    .into(),
            )),
            other => return Err(bad(format!("its scheme is {other}://, not amqp://"))),
        }
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or_else(|| bad("it names no host".into()))?;
        let decode = |part: &str| {
            percent_decode(part).ok_or_else(|| bad(format!("{part} is not percent-encoded UTF-8")))
        };
        let part = |text: &str, default: &str| {
            if text.is_empty() {
                Ok(default.to_owned())
            } else {
                decode(text)
            }
        };
        let vhost = url.path().strip_prefix('/').unwrap_or("");
        if vhost.contains('/') {
            return Err(bad(
                "its virtual host holds a bare slash: write it as %2f".into()
            ));
        }
        Ok(Address {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(5672),
            user: part(url.username(), "guest")?,
            password: part(url.password().unwrap_or(""), "guest")?,
            vhost: part(vhost, "/")?,
            shown: redacted(text),
        })
    }

    fn unreachable(&self, reason: impl ToString) -> Error {
        Error::unreachable(KIND, &self.shown, reason)
    }

    fn refused(&self, reason: impl ToString) -> Error {
        Error::refused(KIND, &self.shown, reason)
    }
}

/// Logs in and hangs up; gives the broker's version.
pub(crate) async fn greet(address: &Address) -> Result<String, Error> {
    let (_, version) = in_time(address, log_in(address)).await?;
    Ok(version)
}

/// What has a name in a virtual host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thing {
    Queue,
    Exchange,
}

impl Thing {
    /// For messages.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Thing::Queue => "a queue",
            Thing::Exchange => "an exchange",
        }
    }
}

/// Whether the virtual host has a queue or an exchange of this name, by a declaration that makes
/// nothing (`passive`). A queue that is another connection's own counts as well.
pub(crate) async fn exists(address: &Address, thing: Thing, name: &str) -> Result<bool, Error> {
    in_time(address, declare_passively(address, thing, name)).await
}

async fn declare_passively(address: &Address, thing: Thing, name: &str) -> Result<bool, Error> {
    let (mut stream, _) = log_in(address).await?;
    let lost = |error: io::Error| address.unreachable(error);
    send(&mut stream, 1, method::CHANNEL_OPEN, &[0])
        .await
        .map_err(lost)?;
    expect(&mut stream, method::CHANNEL_OPEN_OK, address).await?;
    let mut declare = vec![0, 0];
    short(&mut declare, name);
    let declaration = match thing {
        Thing::Queue => method::QUEUE_DECLARE,
        Thing::Exchange => {
            short(&mut declare, "direct"); // passed over where the declaration is passive
            method::EXCHANGE_DECLARE
        }
    };
    declare.push(1); // passive
    declare.extend([0, 0, 0, 0]); // no arguments
    send(&mut stream, 1, declaration, &declare)
        .await
        .map_err(lost)?;
    match receive(&mut stream).await.map_err(lost)? {
        (method::QUEUE_DECLARE_OK | method::EXCHANGE_DECLARE_OK, _) => Ok(true),
        (method::CHANNEL_CLOSE, arguments) if reply(&arguments).0 == 404 => Ok(false),
        (method::CHANNEL_CLOSE, arguments) if reply(&arguments).0 == 405 => Ok(true),
        (_, arguments) => Err(address.refused(reply(&arguments).1)),
    }
}

/// What the broker says, unless it says nothing for too long.
async fn in_time<T>(
    address: &Address,
    talk: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let told = timeout(PATIENCE, talk).await;
    told.unwrap_or_else(|_| {
        Err(address.unreachable(format!("it did not answer within {} s", PATIENCE.as_secs())))
    })
}

async fn log_in(address: &Address) -> Result<(TcpStream, String), Error> {
    let lost = |error: io::Error| address.unreachable(error);
    let stream = connect(&address.host, address.port).await;
    let mut stream = stream.map_err(lost)?;
    stream
        .write_all(b"AMQP\x00\x00\x09\x01")
        .await
        .map_err(lost)?;
    let start = expect(&mut stream, method::CONNECTION_START, address).await?;
    let version = server_version(&start).unwrap_or_else(|| "unknown".to_owned());

    let mut start_ok = Vec::new();
    start_ok.extend([0, 0, 0, 0]); // no client properties
    short(&mut start_ok, "PLAIN");
    long(
        &mut start_ok,
        format!("\0{}\0{}", address.user, address.password).as_bytes(),
    );
    short(&mut start_ok, "en_US");
    send(&mut stream, 0, method::CONNECTION_START_OK, &start_ok)
        .await
        .map_err(lost)?;
    // RabbitMQ says why only to clients that announce a capability; to the others it hangs up.
    let tune = match receive(&mut stream).await {
        Ok((method::CONNECTION_TUNE, tune)) => tune,
        Ok((_, arguments)) => return Err(address.refused(reply(&arguments).1)),
        Err(_) => {
            let reason = format!("wrong password, or no user {}", address.user);
            return Err(address.refused(reason));
        }
    };
    send(&mut stream, 0, method::CONNECTION_TUNE_OK, &tune)
        .await
        .map_err(lost)?;
    let mut open = Vec::new();
    short(&mut open, &address.vhost);
    open.extend([0, 0]); // two fields of older versions
    send(&mut stream, 0, method::CONNECTION_OPEN, &open)
        .await
        .map_err(lost)?;
    match receive(&mut stream).await.map_err(lost)? {
        (method::CONNECTION_OPEN_OK, _) => Ok((stream, version)),
        (_, arguments) => Err(address.refused(reply(&arguments).1)),
    }
}

async fn expect(
    stream: &mut TcpStream,
    wanted: (u16, u16),
    address: &Address,
) -> Result<Vec<u8>, Error> {
    match receive(stream)
        .await
        .map_err(|error| address.unreachable(error))?
    {
        (found, arguments) if found == wanted => Ok(arguments),
        (method::CONNECTION_CLOSE, arguments) => Err(address.refused(reply(&arguments).1)),
        (found, _) => Err(address.unreachable(format!(
            "it answers with method {found:?} of AMQP, not {wanted:?}"
        ))),
    }
}

async fn send(
    stream: &mut TcpStream,
    channel: u16,
    (class, method): (u16, u16),
    arguments: &[u8],
) -> io::Result<()> {
    let size = u32::try_from(arguments.len() + 4).map_err(io::Error::other)?;
    let mut frame = vec![METHOD_FRAME];
    frame.extend(channel.to_be_bytes());
    frame.extend(size.to_be_bytes());
    frame.extend(class.to_be_bytes());
    frame.extend(method.to_be_bytes());
    frame.extend(arguments);
    frame.push(FRAME_END);
    stream.write_all(&frame).await
}

/// The next method, past heartbeats.
async fn receive(stream: &mut TcpStream) -> io::Result<((u16, u16), Vec<u8>)> {
    loop {
        let mut head = [0; 7];
        stream.read_exact(&mut head).await?;
        if &head[..4] == b"AMQP" {
            return Err(io::Error::other("it speaks another version of AMQP"));
        }
        let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
        if size > LONGEST {
            return Err(io::Error::other("it does not speak AMQP 0-9-1"));
        }
        let mut payload = vec![0; size + 1];
        stream.read_exact(&mut payload).await?;
        if payload.pop() != Some(FRAME_END) {
            return Err(io::Error::other("it does not speak AMQP 0-9-1"));
        }
        if head[0] == METHOD_FRAME && size >= 4 {
            let class = u16::from_be_bytes([payload[0], payload[1]]);
            let method = u16::from_be_bytes([payload[2], payload[3]]);
            return Ok(((class, method), payload.split_off(4)));
        }
    }
}

/// Code and text of a `close` method.
fn reply(arguments: &[u8]) -> (u16, String) {
    let code = arguments
        .get(..2)
        .map_or(0, |code| u16::from_be_bytes([code[0], code[1]]));
    let length = arguments.get(2).copied().unwrap_or(0) as usize;
    let text = arguments.get(3..3 + length).unwrap_or_default();
    let mut shown = String::from_utf8_lossy(text).into_owned();
    if shown.is_empty() {
        let _ = write!(shown, "code {code}");
    }
    (code, shown)
}

/// `version` in the server properties of `connection.start`: a field table whose entries are a
/// short name, a type letter and a value; the value wanted is a long string (`S`).
fn server_version(start: &[u8]) -> Option<String> {
    const ENTRY: &[u8] = b"\x07versionS";
    let at = start
        .windows(ENTRY.len())
        .position(|window| window == ENTRY)?
        + ENTRY.len();
    let length = start.get(at..at + 4)?;
    let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize;
    String::from_utf8(start.get(at + 4..at + 4 + length)?.to_vec()).ok()
}

fn short(bytes: &mut Vec<u8>, text: &str) {
    // AMQP's short strings hold 255 bytes; RabbitMQ refuses longer names everywhere.
    let text = &text.as_bytes()[..text.len().min(255)];
    bytes.push(text.len() as u8);
    bytes.extend(text);
}

fn long(bytes: &mut Vec<u8>, text: &[u8]) {
    bytes.extend((text.len() as u32).to_be_bytes());
    bytes.extend(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_rabbitmqs_defaults() -> Result<(), Error> {
        let address = Address::parse("amqp://localhost")?;
        assert_eq!(
            (address.port, address.user.as_str(), address.vhost.as_str()),
            (5672, "guest", "/")
        );
        let address = Address::parse("amqp://shop:s%40crt@[::1]:5673/book-01")?;
        assert_eq!((address.host.as_str(), address.port), ("::1", 5673));
        assert_eq!(
            (address.password.as_str(), address.vhost.as_str()),
            ("s@crt", "book-01")
        );
        Ok(())
    }

    #[test]
    fn a_password_is_never_shown() {
        for url in [
            "amqp://u:hunter2@h:1/x/y",
            "amqps://u:hunter2@h",
            "http://u:hunter2@h",
            "amqp//u:hunter2@h",
            "amqp:u:hunter2@h",
        ] {
            let message = Address::parse(url)
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            assert!(message.contains("AMQP_URL is not an address"), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn the_version_stands_in_the_server_properties() {
        let start = b"\x00\x09\x00\x00\x00\x20\x07productS\x00\x00\x00\x08RabbitMQ\x07versionS\x00\x00\x00\x054.3.6";
        assert_eq!(server_version(start).as_deref(), Some("4.3.6"));
        assert_eq!(server_version(b"\x07versionS\x00\x00\xff\xff4.3.6"), None);
        assert_eq!(server_version(b""), None);
    }
}
