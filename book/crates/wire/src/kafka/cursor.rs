//! Reads Kafka's types off a message, as <https://kafka.apache.org/protocol#protocol_types> has them.
//!
//! `kafka-protocol` reads whole messages, and takes the memory for an array before it looks if the
//! array is there: four bytes of a broken frame would end the program. So the proxy reads itself.

use std::ops::Range;

use bytes::Buf;

/// How much of a text is kept, in bytes: the name of a host or a topic has 255 at most.
const TEXT: usize = 1 << 10;

/// A field that a structure may have behind all others.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(super) number: u64,
    /// Where its length stands.
    pub(super) length_at: Range<usize>,
    pub(super) length: usize,
}

/// A place in a message. What is not there is none.
pub(super) struct Cursor<'a> {
    all: &'a [u8],
    at: usize,
    /// Whether strings and arrays are compact and structures end with tags (KIP-482).
    pub(super) flexible: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(all: &'a [u8], flexible: bool) -> Cursor<'a> {
        Cursor {
            all,
            at: 0,
            flexible,
        }
    }

    /// How far it has come.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn rest(&self) -> &'a [u8] {
        self.all.get(self.at..).unwrap_or_default()
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.rest().get(..count)?;
        self.at += count;
        Some(taken)
    }

    pub(super) fn i8(&mut self) -> Option<i8> {
        self.take(1)?.try_get_i8().ok()
    }

    pub(super) fn bool(&mut self) -> Option<bool> {
        Some(self.i8()? != 0)
    }

    pub(super) fn i16(&mut self) -> Option<i16> {
        self.take(2)?.try_get_i16().ok()
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        self.take(4)?.try_get_i32().ok()
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.take(8)?.try_get_i64().ok()
    }

    /// Seven bits in each byte, the lowest first.
    pub(super) fn unsigned(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = u64::from(*self.take(1)?.first()?);
            value |= (byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// The same with the sign in the lowest bit.
    pub(super) fn signed(&mut self) -> Option<i64> {
        let value = self.unsigned()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A length; the inner one is none for null.
    fn length(&mut self, classic: impl FnOnce(&mut Self) -> Option<i32>) -> Option<Option<usize>> {
        if self.flexible {
            let length = self.unsigned()?.checked_sub(1);
            return match length {
                Some(length) => Some(Some(usize::try_from(length).ok()?)),
                None => Some(None),
            };
        }
        match classic(self)? {
            -1 => Some(None),
            length => Some(Some(usize::try_from(length).ok()?)),
        }
    }

    /// A string, or its beginning; an empty one for null.
    pub(super) fn text(&mut self) -> Option<String> {
        self.optional_text().map(Option::unwrap_or_default)
    }

    pub(super) fn optional_text(&mut self) -> Option<Option<String>> {
        let length = self.length(|it| it.i16().map(i32::from))?;
        let Some(length) = length else {
            return Some(None);
        };
        let text = self.take(length)?;
        let kept = &text[..text.len().min(TEXT)];
        Some(Some(String::from_utf8_lossy(kept).into_owned()))
    }

    /// Bytes; none for null.
    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        match self.length(Self::i32)? {
            Some(length) => self.take(length),
            None => Some(&[]),
        }
    }

    /// Calls `each` for every element of an array; null has none. An element has a byte at least, so
    /// a length that is made up ends with the message.
    pub(super) fn array(&mut self, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        let length = self.length(Self::i32)?.unwrap_or_default();
        for _ in 0..length {
            let before = self.at;
            each(self)?;
            if self.at == before {
                return None;
            }
        }
        Some(())
    }

    /// The end of a structure: its tags.
    pub(super) fn end(&mut self) -> Option<()> {
        self.tags(|_, _| Some(()))
    }

    /// The same with a look at the content of each tag.
    pub(super) fn tags(
        &mut self,
        mut each: impl FnMut(Tag, &mut Self) -> Option<()>,
    ) -> Option<()> {
        if !self.flexible {
            return Some(());
        }
        for _ in 0..self.unsigned()? {
            let number = self.unsigned()?;
            let start = self.at;
            let length = usize::try_from(self.unsigned()?).ok()?;
            let content = self.at;
            self.take(length)?;
            let end = self.at;
            self.at = content;
            let tag = Tag {
                number,
                length_at: start..content,
                length,
            };
            each(tag, self)?;
            self.at = end;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn of_a_long_text_the_beginning_is_kept() {
        let mut all = 3_000_i16.to_be_bytes().to_vec();
        all.extend([b'x'; 3_000]);
        all.push(7);
        let mut from = Cursor::new(&all, false);
        assert_eq!(from.text().unwrap(), "x".repeat(TEXT));
        assert_eq!(from.i8(), Some(7), "what follows the whole text");
    }
}
