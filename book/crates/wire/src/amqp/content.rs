//! A message's header: how long the body is, and the properties.

use bytes::Buf;

use super::{Fields, short_string};

/// How many headers are kept.
const MOST: usize = 64;
/// How much of a header's text is kept, in bytes.
const TEXT: usize = 256;

/// Reads a content header; gives the length of the body. None where the frame is no header.
pub(super) fn read(mut body: &[u8], fields: &mut Fields) -> Option<u64> {
    let from = &mut body;
    // Class and weight.
    from.try_get_u32().ok()?;
    let size = from.try_get_u64().ok()?;
    // What is read of broken properties stays: they are the receiver's to refuse.
    let _ = properties(from, fields);
    Some(size)
}

/// The properties whose flags are set, in the order of the flags.
fn properties(from: &mut &[u8], fields: &mut Fields) -> Option<()> {
    let flags = from.try_get_u16().ok()?;
    let has = |place: u32| flags >> (15 - place) & 1 != 0;
    for skipped in [0, 1] {
        if has(skipped) {
            short_string(from)?;
        }
    }
    if has(2) {
        fields.headers = table(from)?;
    }
    if has(3) {
        fields.delivery_mode = Some(from.try_get_u8().ok()?);
    }
    if has(4) {
        from.try_get_u8().ok()?;
    }
    if has(5) {
        fields.correlation_id = Some(short_string(from)?);
    }
    if has(6) {
        fields.reply_to = Some(short_string(from)?);
    }
    if has(7) {
        fields.expiration = Some(short_string(from)?);
    }
    if has(8) {
        fields.message_id = Some(short_string(from)?);
    }
    Some(())
}

/// A table: its length, then names and values.
pub(super) fn table(from: &mut &[u8]) -> Option<Vec<(String, String)>> {
    let mut table = sized(from)?;
    let mut all = Vec::new();
    while all.len() < MOST
        && let Some(name) = short_string(&mut table)
        && let Some(value) = value(&mut table)
    {
        all.push((name, value));
    }
    Some(all)
}

/// A value as a text; one that holds others is empty. The types are those that RabbitMQ uses:
/// <https://www.rabbitmq.com/docs/amqp-0-9-1-errata#section_3>.
fn value(from: &mut &[u8]) -> Option<String> {
    let value = match from.try_get_u8().ok()? {
        b't' => (from.try_get_u8().ok()? != 0).to_string(),
        b'b' => from.try_get_i8().ok()?.to_string(),
        b'B' => from.try_get_u8().ok()?.to_string(),
        b's' => from.try_get_i16().ok()?.to_string(),
        b'u' => from.try_get_u16().ok()?.to_string(),
        b'I' => from.try_get_i32().ok()?.to_string(),
        b'i' => from.try_get_u32().ok()?.to_string(),
        b'l' => from.try_get_i64().ok()?.to_string(),
        b'T' => from.try_get_u64().ok()?.to_string(),
        b'f' => from.try_get_f32().ok()?.to_string(),
        b'd' => from.try_get_f64().ok()?.to_string(),
        b'S' => {
            let text = sized(from)?;
            String::from_utf8_lossy(&text[..text.len().min(TEXT)]).into_owned()
        }
        // Bytes, a table, an array: never looked into, so that none can be too deep.
        b'x' | b'F' | b'A' => sized(from).map(|_| String::new())?,
        // A decimal: its scale and its digits.
        b'D' => {
            *from = from.get(5..)?;
            String::new()
        }
        b'V' => String::new(),
        _ => return None,
    };
    Some(value)
}

/// Four bytes that tell the length, then that many.
fn sized<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(from.try_get_u32().ok()?).ok()?;
    let (bytes, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(bytes)
}
