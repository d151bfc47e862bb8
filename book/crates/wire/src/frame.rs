//! Frames: what a client and its broker say to each other.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::{ApiKey, amqp, kafka, nats};

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client to the broker.
    ToBroker,
    /// From the broker to the client.
    ToClient,
    /// Both at once, for a partition. No single frame goes this way.
    Both,
}

/// What sort of frame it is: one of the constants in [`nats`], [`amqp`] and [`kafka`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(Name);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Name {
    Known(&'static str),
    /// Kafka's requests and answers have numbers, and there are new ones with each release.
    Request(i16),
    Answer(i16),
}

/// Bytes that the proxy cannot read, or reads no more on this connection. They pass on unchanged.
pub const UNREAD: Kind = Kind::named("unread");

impl Kind {
    pub(crate) const fn named(name: &'static str) -> Kind {
        Kind(Name::Known(name))
    }

    pub(crate) const fn request(api: i16) -> Kind {
        Kind(Name::Request(api))
    }

    pub(crate) const fn answer(api: i16) -> Kind {
        Kind(Name::Answer(api))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, what) = match self.0 {
            Name::Known(name) => return f.write_str(name),
            Name::Request(number) => (number, "request"),
            Name::Answer(number) => (number, "answer"),
        };
        match ApiKey::of(number) {
            Some(api) => write!(f, "{api:?} {what}"),
            None => write!(f, "{what} {number}"),
        }
    }
}

/// A frame that has come to the proxy, whether or not it went on from there.
#[derive(Clone, Debug)]
pub struct Frame {
    /// When, since the proxy began to listen.
    pub at: Duration,
    /// On which connection; the first is 1.
    pub connection: u32,
    /// Where it was going.
    pub way: Way,
    /// What sort of frame it is.
    pub kind: Kind,
    /// What it says.
    pub fields: Fields,
}

/// What a frame says, as far as a reader cares.
#[derive(Clone, Debug)]
pub enum Fields {
    /// A frame of which only the kind is known.
    None,
    /// An operation of NATS.
    Nats(Box<nats::Fields>),
    /// A method of AMQP, with its content.
    Amqp(Box<amqp::Fields>),
    /// A request of Kafka's, or the answer to one.
    Kafka(Box<kafka::Fields>),
}

impl Frame {
    /// Where it was going and what it says: `to the broker: PUB orders.created, 24 bytes`.
    pub fn words(&self) -> String {
        let way = match self.way {
            Way::ToBroker => "to the broker",
            Way::ToClient => "to the client",
            Way::Both => "both ways",
        };
        let kind = self.kind;
        match &self.fields {
            Fields::None => format!("{way}: {kind}"),
            Fields::Nats(fields) => format!("{way}: {kind}{fields}"),
            Fields::Amqp(fields) => format!("{way}: {kind}{fields}"),
            Fields::Kafka(fields) => format!("{way}: {kind}{fields}"),
        }
    }

    /// What the client says that it is called: in NATS's `CONNECT`, as an AMQP connection's name, and
    /// in each request of Kafka's, `client.id`.
    pub fn client(&self) -> Option<String> {
        let name = match &self.fields {
            Fields::Nats(fields) if self.kind == nats::CONNECT => {
                let said: Named = serde_json::from_slice(&fields.payload).ok()?;
                said.name
            }
            Fields::Amqp(fields) if self.kind == amqp::CONNECTION_START_OK => {
                fields.header("connection_name").map(str::to_owned)
            }
            Fields::Kafka(fields) => fields.client.clone(),
            _ => None,
        };
        name.filter(|name| !name.is_empty())
    }

    /// What an operation of NATS says.
    pub fn nats(&self) -> Option<&nats::Fields> {
        match &self.fields {
            Fields::Nats(fields) => Some(fields),
            _ => None,
        }
    }

    /// What a method of AMQP says.
    pub fn amqp(&self) -> Option<&amqp::Fields> {
        match &self.fields {
            Fields::Amqp(fields) => Some(fields),
            _ => None,
        }
    }

    /// What a request or an answer of Kafka's says.
    pub fn kafka(&self) -> Option<&kafka::Fields> {
        match &self.fields {
            Fields::Kafka(fields) => Some(fields),
            _ => None,
        }
    }
}

/// What is read of NATS's `CONNECT`.
#[derive(Deserialize)]
struct Named {
    name: Option<String>,
}

/// One line: `12.3 ms  connection 1, to the broker: PUB orders.created, 24 bytes`.
impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.as_secs_f64() * 1e3;
        write!(
            f,
            "{at:.1} ms  connection {}, {}",
            self.connection,
            self.words()
        )
    }
}
