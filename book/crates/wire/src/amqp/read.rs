//! Puts a method and its content together.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, BytesMut};

use super::{
    CONFIRM_SELECT, CONSUME, CONSUME_OK, DELIVER, Fields, GET, GET_OK, HEARTBEAT, OTHER, PROTOCOL,
    PUBLISH, content, method,
};
use crate::frame::Fields as Any;
use crate::reader::{KEPT, MAX, Unit, Unreadable};
use crate::{Kind, Way};

/// Type, channel, and length of what follows.
const HEAD: usize = 7;
/// What a frame ends with.
const END: u8 = 0xCE;
/// The types of frames.
const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const BEAT: u8 = 8;

/// Reads one way of a connection.
pub(crate) struct Reader {
    way: Way,
    channels: Arc<Channels>,
    /// By channel: a message that is not whole yet.
    parts: BTreeMap<u16, Part>,
    /// By channel with confirms: how many messages were published there.
    published: BTreeMap<u16, u64>,
}

/// A method whose content has not come, or not all of it.
struct Part {
    bytes: BytesMut,
    kind: Kind,
    fields: Fields,
    payload: Vec<u8>,
    /// How much of the body is missing; none before the header.
    missing: Option<u64>,
}

/// What both ways of a connection know of its channels.
#[derive(Default)]
pub(crate) struct Channels(Mutex<Sources>);

/// Where deliveries come from.
#[derive(Default)]
struct Sources {
    /// By channel and consumer's tag.
    consumers: BTreeMap<(u16, String), Source>,
    /// By channel: that of the last `basic.get`.
    gets: BTreeMap<u16, Source>,
}

/// A queue, and whether what it delivers needs no acknowledgement.
#[derive(Clone)]
struct Source {
    queue: String,
    no_ack: bool,
}

impl Channels {
    /// A consumer begins, or has begun: the broker chooses the tag of one that has none, and the
    /// consumer waits under the empty one until then.
    fn consumes(&self, kind: Kind, fields: &Fields) {
        let Some(tag) = fields.consumer_tag.clone() else {
            return;
        };
        let consumers = &mut self.locked().consumers;
        match source(fields) {
            Some(source) if kind == CONSUME => {
                consumers.insert((fields.channel, tag), source);
            }
            _ if consumers.contains_key(&(fields.channel, tag.clone())) => {}
            _ => {
                let nameless = consumers.remove(&(fields.channel, String::new()));
                if let Some(source) = nameless {
                    consumers.insert((fields.channel, tag), source);
                }
            }
        }
    }

    /// A client asks for one message.
    fn gets(&self, fields: &Fields) {
        if let Some(source) = source(fields) {
            self.locked().gets.insert(fields.channel, source);
        }
    }

    /// Says where a delivery comes from.
    fn delivers(&self, kind: Kind, fields: &mut Fields) {
        let sources = self.locked();
        let source = match (kind, &fields.consumer_tag) {
            (GET_OK, _) => sources.gets.get(&fields.channel),
            (_, Some(tag)) => sources.consumers.get(&(fields.channel, tag.clone())),
            _ => None,
        };
        if let Some(source) = source {
            fields.queue = Some(source.queue.clone());
            fields.no_ack = source.no_ack;
        }
    }

    fn locked(&self) -> MutexGuard<'_, Sources> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn source(fields: &Fields) -> Option<Source> {
    let queue = fields.queue.clone()?;
    let no_ack = fields.no_ack;
    Some(Source { queue, no_ack })
}

impl Reader {
    pub(crate) fn new(way: Way, channels: Arc<Channels>) -> Reader {
        Reader {
            way,
            channels,
            parts: BTreeMap::new(),
            published: BTreeMap::new(),
        }
    }

    /// Takes a method and its content off the front of what has come.
    pub(crate) fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Unit>, Unreadable> {
        while let Some(whole) = length(buffer)? {
            if buffer[0] == b'A' {
                let bytes = buffer.split_to(whole).freeze();
                return Ok(Some(Unit::new(bytes, PROTOCOL, Any::None)));
            }
            if let Some(unit) = self.enter(buffer, whole)? {
                return Ok(Some(unit));
            }
        }
        Ok(None)
    }

    /// Takes a frame of this length. Where that makes no sense, it is left where it is.
    fn enter(&mut self, buffer: &mut BytesMut, whole: usize) -> Result<Option<Unit>, Unreadable> {
        let (of, channel) = (buffer[0], (&buffer[1..]).get_u16());
        let body = &buffer[HEAD..whole - 1];
        let part = self.parts.get_mut(&channel);
        let missing = part.as_ref().map(|part| part.missing);
        let done = match (of, part, missing) {
            (METHOD, None, _) => {
                let (kind, mut fields) = method::read(self.way, channel, body);
                self.learn(kind, &mut fields);
                let bytes = buffer.split_to(whole);
                if !method::has_content(kind) {
                    let fields = Any::Amqp(Box::new(fields));
                    return Ok(Some(Unit::new(bytes.freeze(), kind, fields)));
                }
                let part = Part {
                    bytes,
                    kind,
                    fields,
                    payload: Vec::new(),
                    missing: None,
                };
                self.parts.insert(channel, part);
                return Ok(None);
            }
            (HEADER, Some(part), Some(None)) => {
                let size = content::read(body, &mut part.fields).ok_or(Unreadable)?;
                part.fields.size = usize::try_from(size).map_err(|_| Unreadable)?;
                if part.fields.size > MAX {
                    return Err(Unreadable);
                }
                part.missing = Some(size);
                size == 0
            }
            (BODY, Some(part), Some(Some(missing))) => {
                let missing = missing.checked_sub(body.len() as u64).ok_or(Unreadable)?;
                // Empty frames would come without end.
                if part.bytes.len() > 2 * MAX {
                    return Err(Unreadable);
                }
                let room = KEPT - part.payload.len();
                part.payload
                    .extend_from_slice(&body[..body.len().min(room)]);
                part.missing = Some(missing);
                missing == 0
            }
            // Nothing else may come within a message.
            (METHOD | HEADER | BODY, Some(_), _) => return Err(Unreadable),
            _ => {
                let bytes = buffer.split_to(whole).freeze();
                let kind = if of == BEAT { HEARTBEAT } else { OTHER };
                return Ok(Some(Unit::new(bytes, kind, Any::None)));
            }
        };
        let bytes = buffer.split_to(whole);
        if !done {
            if let Some(part) = self.parts.get_mut(&channel) {
                part.bytes.unsplit(bytes);
            }
            return Ok(None);
        }
        let Some(mut part) = self.parts.remove(&channel) else {
            return Ok(None);
        };
        part.bytes.unsplit(bytes);
        part.fields.payload = part.payload.into();
        let fields = Any::Amqp(Box::new(part.fields));
        Ok(Some(Unit::new(part.bytes.freeze(), part.kind, fields)))
    }

    /// What another method says tells the number of a message that is published, and the queue of one
    /// that is delivered.
    fn learn(&mut self, kind: Kind, fields: &mut Fields) {
        match kind {
            CONFIRM_SELECT => {
                self.published.entry(fields.channel).or_default();
            }
            super::CHANNEL_OPEN => {
                self.published.remove(&fields.channel);
            }
            PUBLISH => {
                if let Some(count) = self.published.get_mut(&fields.channel) {
                    *count += 1;
                    fields.delivery_tag = Some(*count);
                }
            }
            CONSUME | CONSUME_OK => self.channels.consumes(kind, fields),
            GET => self.channels.gets(fields),
            DELIVER | GET_OK => self.channels.delivers(kind, fields),
            _ => {}
        }
    }

    /// What there is of messages that are not whole.
    pub(crate) fn rest(&mut self) -> BytesMut {
        let mut rest = BytesMut::new();
        for part in std::mem::take(&mut self.parts).into_values() {
            rest.unsplit(part.bytes);
        }
        rest
    }
}

/// The length of the first frame; none where it is not whole.
fn length(buffer: &[u8]) -> Result<Option<usize>, Unreadable> {
    let whole = match buffer {
        [] => return Ok(None),
        [b'A', ..] => match b"AMQP".starts_with(&buffer[..buffer.len().min(4)]) {
            true => 8,
            false => return Err(Unreadable),
        },
        [METHOD | HEADER | BODY | BEAT, _, _, a, b, c, d, ..] => {
            let size = u32::from_be_bytes([*a, *b, *c, *d]);
            let size = usize::try_from(size).ok().filter(|size| *size <= MAX);
            HEAD + size.ok_or(Unreadable)? + 1
        }
        [METHOD | HEADER | BODY | BEAT, ..] => return Ok(None),
        _ => return Err(Unreadable),
    };
    if buffer.len() < whole {
        return Ok(None);
    }
    match buffer[0] == b'A' || buffer[whole - 1] == END {
        true => Ok(Some(whole)),
        false => Err(Unreadable),
    }
}
