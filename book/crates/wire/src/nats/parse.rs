//! Operations: a line, and for a message its headers and payload behind it.

use bytes::{Bytes, BytesMut};

use super::{CONNECT, ERR, Fields, INFO, MSG, OK, OTHER, PING, PONG, PUB, SUB, UNSUB, jetstream};
use crate::Kind;
use crate::frame::Fields as Any;
use crate::reader::{KEPT, MAX, Tells, Unit, Unreadable, kept};

/// How long a line may be. A server takes 4 KiB of a client's (`max_control_line`), and its own INFO
/// grows with the number of servers in the cluster.
const LINE: usize = 1 << 20;

/// What a message ends with, whatever it holds.
const END: &[u8] = b"\r\n";

/// Takes an operation off the front of what has come.
pub(crate) fn next(buffer: &mut BytesMut) -> Result<Option<Unit>, Unreadable> {
    // What follows a word would be read as one, and TLS has no line to wait for.
    if !buffer
        .first()
        .is_none_or(|first| b"+-\r\n".contains(first) || first.is_ascii_alphabetic())
    {
        return Err(Unreadable);
    }
    let Some(end) = buffer.iter().position(|byte| *byte == b'\n') else {
        return match buffer.len() > LINE {
            true => Err(Unreadable),
            false => Ok(None),
        };
    };
    let line = &buffer[..end];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let head = head(line)?;
    let start = end + 1;
    let whole = match head.message {
        Some(Size { total, .. }) => start + total + END.len(),
        None => start,
    };
    if buffer.len() < whole {
        return Ok(None);
    }
    if head.message.is_some() && !buffer[..whole].ends_with(END) {
        return Err(Unreadable);
    }
    let bytes = buffer.split_to(whole).freeze();
    Ok(Some(unit(head, bytes, start)))
}

/// What the line says.
struct Head {
    kind: Kind,
    fields: Fields,
    message: Option<Size>,
}

#[derive(Clone, Copy)]
struct Size {
    headers: usize,
    /// Headers and payload.
    total: usize,
}

fn head(line: &[u8]) -> Result<Head, Unreadable> {
    let word = line.iter().position(u8::is_ascii_whitespace);
    let (word, rest) = line.split_at(word.unwrap_or(line.len()));
    let mut verb = [0; 7];
    let Some(verb) = verb.get_mut(..word.len()) else {
        return Ok(plain(OTHER, rest));
    };
    verb.copy_from_slice(word);
    verb.make_ascii_uppercase();
    let rest = rest.trim_ascii();
    match &*verb {
        b"INFO" => Ok(plain(INFO, rest)),
        b"CONNECT" => Ok(plain(CONNECT, rest)),
        b"PING" => Ok(plain(PING, rest)),
        b"PONG" => Ok(plain(PONG, rest)),
        b"+OK" => Ok(plain(OK, rest)),
        b"-ERR" => Ok(plain(ERR, rest)),
        b"SUB" => subscription(rest),
        b"UNSUB" => Ok(Head {
            kind: UNSUB,
            fields: Fields {
                sid: words(rest).next().map(text),
                ..Fields::default()
            },
            message: None,
        }),
        b"PUB" => message(PUB, rest, false, false),
        b"HPUB" => message(PUB, rest, false, true),
        b"MSG" => message(MSG, rest, true, false),
        b"HMSG" => message(MSG, rest, true, true),
        _ => Ok(plain(OTHER, rest)),
    }
}

fn words(rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    let words = rest.split(u8::is_ascii_whitespace);
    words.filter(|word| !word.is_empty())
}

/// The text, or as much of it as is kept of a payload.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(KEPT)]).into_owned()
}

fn plain(kind: Kind, rest: &[u8]) -> Head {
    let fields = Fields {
        payload: kept(rest),
        size: rest.len(),
        ..Fields::default()
    };
    Head {
        kind,
        fields,
        message: None,
    }
}

/// `SUB subject [queue group] sid`
fn subscription(rest: &[u8]) -> Result<Head, Unreadable> {
    let words: Vec<&[u8]> = words(rest).take(4).collect();
    let (subject, group, sid) = match words[..] {
        [subject, sid] => (subject, None, sid),
        [subject, group, sid] => (subject, Some(group), sid),
        _ => return Ok(plain(OTHER, rest)),
    };
    let fields = Fields {
        subject: text(subject),
        queue_group: group.map(text),
        sid: Some(text(sid)),
        ..Fields::default()
    };
    Ok(Head {
        kind: SUB,
        fields,
        message: None,
    })
}

/// `PUB subject [reply] total`, `MSG subject sid [reply] total`; with headers `headers total`.
///
/// Where the line makes no sense, nobody knows how long its payload is.
fn message(kind: Kind, rest: &[u8], has_sid: bool, has_headers: bool) -> Result<Head, Unreadable> {
    let mut words = words(rest);
    let mut next = || words.next().ok_or(Unreadable);
    let subject = text(next()?);
    let sid = has_sid.then(&mut next).transpose()?.map(text);
    let sizes = 1 + usize::from(has_headers);
    let last: Vec<&[u8]> = words.take(4).collect();
    let (reply, last) = match last.split_first() {
        _ if last.len() == sizes => (None, &last[..]),
        Some((reply, last)) if last.len() == sizes => (Some(text(reply)), last),
        _ => return Err(Unreadable),
    };
    let mut sizes = last.iter().map(|word| size(word));
    let headers = match has_headers {
        true => sizes.next().flatten(),
        false => Some(0),
    };
    let (Some(headers), Some(Some(total))) = (headers, sizes.next()) else {
        return Err(Unreadable);
    };
    let fields = Fields {
        subject,
        reply,
        sid,
        ..Fields::default()
    };
    match headers <= total && total <= MAX {
        true => Ok(Head {
            kind,
            fields,
            message: Some(Size { headers, total }),
        }),
        false => Err(Unreadable),
    }
}

fn size(word: &[u8]) -> Option<usize> {
    let digits = word.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(word)
        .ok()
        .filter(|_| digits)?
        .parse()
        .ok()
}

/// The operation, its message read; that begins at `start`.
fn unit(head: Head, bytes: Bytes, start: usize) -> Unit {
    let Head {
        mut kind,
        mut fields,
        message,
    } = head;
    if let Some(Size { headers, total }) = message {
        let body = &bytes[start..];
        let (head, payload) = body[..total].split_at(headers);
        read_headers(head, &mut fields);
        fields.payload = kept(payload);
        fields.size = payload.len();
        kind = match kind {
            PUB => jetstream::published(&mut fields),
            _ => jetstream::received(&mut fields),
        };
    }
    let tells = match kind {
        INFO => Tells::Info,
        _ => Tells::Nothing,
    };
    let fields = Any::Nats(Box::new(fields));
    Unit {
        bytes,
        kind,
        fields,
        tells,
    }
}

/// `NATS/1.0 503\r\n`, `Key: value\r\n`, and an empty line.
fn read_headers(head: &[u8], fields: &mut Fields) {
    // A frame is kept with no more of its headers than of its payload.
    let mut lines = kept_lines(head);
    let first = lines.next().unwrap_or_default();
    let status = first.strip_prefix(b"NATS/1.0").unwrap_or_default();
    fields.status = words(status)
        .next()
        .and_then(size)
        .and_then(|status| u16::try_from(status).ok());
    for line in lines {
        if let Some(colon) = line.iter().position(|byte| *byte == b':') {
            let (key, value) = line.split_at(colon);
            let value = value[1..].trim_ascii();
            fields.headers.push((text(key), text(value)));
        }
    }
}

fn kept_lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let head = &head[..head.len().min(KEPT)];
    let lines = head.split(|byte| *byte == b'\n');
    lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn of_a_long_text_the_beginning_is_kept() {
        let long = "x".repeat(3 * KEPT);
        let frame = format!("PUB {long} {long} 0\r\n\r\n");
        let unit = next(&mut BytesMut::from(frame.as_bytes()))
            .unwrap()
            .unwrap();
        assert_eq!(unit.bytes, frame.as_bytes());
        let Any::Nats(fields) = unit.fields else {
            panic!()
        };
        let kept = &long[..KEPT];
        assert_eq!(fields.subject, kept);
        assert_eq!(fields.reply.as_deref(), Some(kept));
    }
}
