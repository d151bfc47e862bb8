//! AMQP 0-9-1: methods, each with the content that follows it.
//!
//! The methods are those of <https://www.rabbitmq.com/amqp-0-9-1-reference>, RabbitMQ's own among
//! them. A message is a method, a header and bodies, in frames of their own; here it is one frame.
//! On another channel a frame may come between them, and then it passes first.

mod content;
mod method;
mod read;

use std::fmt;

use bytes::Bytes;

use crate::Kind;

pub(crate) use read::{Channels, Reader};

/// A client publishes a message.
pub const PUBLISH: Kind = Kind::named("basic.publish");
/// The broker's `basic.ack` to a publisher: it has the message.
pub const CONFIRM: Kind = Kind::named("confirm");
/// The broker's `basic.nack` to a publisher: it has not taken the message.
pub const REFUSE: Kind = Kind::named("confirm (nack)");
/// A mandatory message that no queue takes comes back.
pub const RETURN: Kind = Kind::named("basic.return");
/// A message reaches a consumer.
pub const DELIVER: Kind = Kind::named("basic.deliver");
/// A client asks for one message.
pub const GET: Kind = Kind::named("basic.get");
/// That message.
pub const GET_OK: Kind = Kind::named("basic.get-ok");
/// The queue has none.
pub const GET_EMPTY: Kind = Kind::named("basic.get-empty");
/// A consumer is done with a message.
pub const ACK: Kind = Kind::named("basic.ack");
/// It does not want one, or several.
pub const NACK: Kind = Kind::named("basic.nack");
/// It does not want one.
pub const REJECT: Kind = Kind::named("basic.reject");
/// A client begins to consume.
pub const CONSUME: Kind = Kind::named("basic.consume");
/// It may.
pub const CONSUME_OK: Kind = Kind::named("basic.consume-ok");
/// A client consumes no more; or the broker says that it cannot any more.
pub const CANCEL: Kind = Kind::named("basic.cancel");
/// How many messages a consumer takes without an acknowledgement.
pub const QOS: Kind = Kind::named("basic.qos");
/// A client wants confirms on this channel.
pub const CONFIRM_SELECT: Kind = Kind::named("confirm.select");
/// It gets them.
pub const CONFIRM_SELECT_OK: Kind = Kind::named("confirm.select-ok");
/// A queue is declared.
pub const QUEUE_DECLARE: Kind = Kind::named("queue.declare");
/// It is there.
pub const QUEUE_DECLARE_OK: Kind = Kind::named("queue.declare-ok");
/// A queue is bound to an exchange.
pub const QUEUE_BIND: Kind = Kind::named("queue.bind");
/// An exchange is declared.
pub const EXCHANGE_DECLARE: Kind = Kind::named("exchange.declare");
/// A channel opens.
pub const CHANNEL_OPEN: Kind = Kind::named("channel.open");
/// Either side ends a channel.
pub const CHANNEL_CLOSE: Kind = Kind::named("channel.close");
/// A client says who it is.
pub const CONNECTION_START_OK: Kind = Kind::named("connection.start-ok");
/// A client wants to use a virtual host.
pub const CONNECTION_OPEN: Kind = Kind::named("connection.open");
/// It may: the connection is ready.
pub const CONNECTION_OPEN_OK: Kind = Kind::named("connection.open-ok");
/// Either side ends the connection.
pub const CONNECTION_CLOSE: Kind = Kind::named("connection.close");
/// The broker takes no messages for want of memory or disk.
pub const CONNECTION_BLOCKED: Kind = Kind::named("connection.blocked");
/// Either side is alive.
pub const HEARTBEAT: Kind = Kind::named("heartbeat");
/// A client's first eight bytes.
pub const PROTOCOL: Kind = Kind::named("protocol header");
/// A frame that is not known here.
pub const OTHER: Kind = Kind::named("other frame");

/// What a method says. What it does not have is none, empty, 0 or false.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// The channel.
    pub channel: u16,
    /// The exchange; the default exchange has an empty name.
    pub exchange: Option<String>,
    /// The message's or the binding's routing key.
    pub routing_key: Option<String>,
    /// The queue: of a declaration, a binding, `basic.consume`, `basic.get`, or a delivery.
    pub queue: Option<String>,
    /// The consumer's tag.
    pub consumer_tag: Option<String>,
    /// The tag of a delivery or an acknowledgement. Of `basic.publish` on a channel with confirms the
    /// one that its confirm will name: how many messages were published there.
    pub delivery_tag: Option<u64>,
    /// The delivery may not be the first.
    pub redelivered: bool,
    /// The acknowledgement is for all messages up to this one.
    pub multiple: bool,
    /// Messages count as acknowledged when they are delivered: of `basic.consume`, `basic.get` and
    /// what is delivered because of them.
    pub no_ack: bool,
    /// A refused message goes back to its queue.
    pub requeue: bool,
    /// A message comes back where no queue takes it.
    pub mandatory: bool,
    /// How many messages without an acknowledgement: `basic.qos`.
    pub prefetch: Option<u16>,
    /// The virtual host: `connection.open`.
    pub vhost: Option<String>,
    /// Why a channel or a connection ends, or a message comes back: code and text.
    pub reason: Option<(u16, String)>,
    /// 2: the message is persistent.
    pub delivery_mode: Option<u8>,
    /// The message's `message_id`.
    pub message_id: Option<String>,
    /// The message's `correlation_id`.
    pub correlation_id: Option<String>,
    /// The message's `reply_to`.
    pub reply_to: Option<String>,
    /// The message's `expiration`, in milliseconds as a text.
    pub expiration: Option<String>,
    /// The message's headers whose values are numbers, truth values or texts; of any other only the
    /// name. Of `connection.start-ok` what the client says of itself.
    pub headers: Vec<(String, String)>,
    /// The first 4 KiB of the message's body.
    pub payload: Bytes,
    /// The length of the whole body, in bytes.
    pub size: usize,
}

impl Fields {
    /// The first header with this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " on channel {}", self.channel)?;
        if let Some(tag) = self.delivery_tag {
            write!(f, ", tag {tag}")?;
        }
        for (is, word) in [
            (self.multiple, "multiple"),
            (self.redelivered, "redelivered"),
            (self.requeue, "requeue"),
            (self.no_ack, "no ack"),
        ] {
            if is {
                write!(f, ", {word}")?;
            }
        }
        for (name, value) in [
            ("exchange", &self.exchange),
            ("key", &self.routing_key),
            ("queue", &self.queue),
            ("message id", &self.message_id),
        ] {
            if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
                write!(f, ", {name} {value}")?;
            }
        }
        if let Some((code, text)) = &self.reason {
            write!(f, ", {code}: {text}")?;
        }
        match self.size {
            0 => Ok(()),
            size => write!(f, ", {size} bytes"),
        }
    }
}

/// An octet that tells the length, then the text.
fn short_string(from: &mut &[u8]) -> Option<String> {
    let (length, rest) = from.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*length))?;
    *from = rest;
    Some(String::from_utf8_lossy(text).into_owned())
}
