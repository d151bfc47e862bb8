//! NATS's text protocol, and what JetStream says in it.
//!
//! The operations are those of <https://docs.nats.io/reference/reference-protocols/nats-protocol>.
//! JetStream has none of its own: its acknowledgements and answers are messages, told apart here by
//! their subject, reply subject and payload.

mod info;
mod jetstream;
mod parse;

use std::fmt;

use bytes::Bytes;

use crate::Kind;

pub(crate) use info::moved;
pub(crate) use parse::next;

/// The server's first word: who and where it is.
pub const INFO: Kind = Kind::named("INFO");
/// The client's first word: who it is.
pub const CONNECT: Kind = Kind::named("CONNECT");
/// Are you there? Either side asks.
pub const PING: Kind = Kind::named("PING");
/// The answer to [`PING`].
pub const PONG: Kind = Kind::named("PONG");
/// `+OK`, where the client asked for it.
pub const OK: Kind = Kind::named("+OK");
/// `-ERR`, which often ends the connection.
pub const ERR: Kind = Kind::named("-ERR");
/// A subscription.
pub const SUB: Kind = Kind::named("SUB");
/// The end of one.
pub const UNSUB: Kind = Kind::named("UNSUB");
/// A message that a client publishes, to core NATS or to a stream: `PUB` or `HPUB`.
pub const PUB: Kind = Kind::named("PUB");
/// A message of core NATS that reaches a subscriber, `MSG` or `HMSG`; also an answer that is none of
/// the others here.
pub const MSG: Kind = Kind::named("MSG");
/// A message of a stream that reaches a consumer's client.
pub const DELIVER: Kind = Kind::named("JetStream delivery");
/// The stream's answer to a message that was published: stored, or why not.
pub const PUB_ACK: Kind = Kind::named("JetStream PubAck");
/// `+ACK`, a consumer's client is done with a message.
pub const ACK: Kind = Kind::named("+ACK");
/// `-NAK`, it wants the message again.
pub const NAK: Kind = Kind::named("-NAK");
/// `+WPI`, it is still at work on the message.
pub const PROGRESS: Kind = Kind::named("+WPI");
/// `+TERM`, it never wants the message again.
pub const TERM: Kind = Kind::named("+TERM");
/// `+NXT`, it is done with the message and wants the next one.
pub const NEXT: Kind = Kind::named("+NXT");
/// A client's request for messages of a pull consumer.
pub const PULL: Kind = Kind::named("JetStream pull");
/// Any other request to JetStream: create, delete, look up.
pub const API: Kind = Kind::named("JetStream request");
/// The answer to one of those.
pub const API_ANSWER: Kind = Kind::named("JetStream answer");
/// A message with a status and no payload: no responders, no messages, a pull that has ended, a
/// heartbeat.
pub const STATUS: Kind = Kind::named("status");
/// An operation that is not known here.
pub const OTHER: Kind = Kind::named("other operation");

/// What an operation says. What it does not have is none, empty or 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// The subject of a message or a subscription.
    pub subject: String,
    /// Where an answer is to go.
    pub reply: Option<String>,
    /// The subscription's number, which its client chose.
    pub sid: Option<String>,
    /// The subscription's queue group.
    pub queue_group: Option<String>,
    /// The message's headers, in their order.
    pub headers: Vec<(String, String)>,
    /// The status in the first line of the headers, such as 503.
    pub status: Option<u16>,
    /// The first 4 KiB of the payload; for `INFO`, `CONNECT` and `-ERR` what follows the word.
    pub payload: Bytes,
    /// The length of the whole payload, in bytes.
    pub size: usize,
    /// The stream of a delivery, an acknowledgement, a pull, or a PubAck.
    pub stream: Option<String>,
    /// The consumer of a delivery, an acknowledgement, or a pull.
    pub consumer: Option<String>,
    /// The message's place in its stream: of a delivery, an acknowledgement, or a PubAck.
    pub sequence: Option<u64>,
    /// How often the message has been delivered, 1 at first: of a delivery or an acknowledgement.
    pub delivered: Option<u64>,
    /// A PubAck that says: stored before, under the same `Nats-Msg-Id`.
    pub duplicate: bool,
    /// What a PubAck or an answer of JetStream's says against it: its error code and its description.
    pub error: Option<(u64, String)>,
}

impl Fields {
    /// The first header with this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let same = |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .find(same)
            .map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.subject.is_empty() {
            write!(f, " {}", self.subject)?;
        }
        if let (Some(stream), Some(sequence)) = (&self.stream, self.sequence) {
            write!(f, ", {stream} {sequence}")?;
        }
        if let Some((code, text)) = &self.error {
            write!(f, ", error {code}: {text}")?;
        }
        if let Some(status) = self.status {
            write!(f, ", status {status}")?;
        }
        match self.size {
            0 => Ok(()),
            size => write!(f, ", {size} bytes"),
        }
    }
}
