//! Addresses of brokers inside an answer, and others in their place.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use super::cursor::{Cursor, Tag};
use super::frame::LENGTH;
use crate::Error;
use crate::address::Address;

/// Where an answer holds addresses.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    all: Vec<Place>,
    flexible: bool,
    /// The tag that all of them are in.
    tag: Option<Tag>,
}

#[derive(Debug, PartialEq, Eq)]
struct Place {
    /// The host, its length included.
    host: Range<usize>,
    port: Range<usize>,
    address: Address,
}

impl Places {
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Reads a host and a port. Where a broker has none to tell, it says a port below 1.
    pub(super) fn read(&mut self, from: &mut Cursor<'_>) -> Option<()> {
        let start = from.at();
        let host = from.text()?;
        let middle = from.at();
        let port = from.i32()?;
        if let Ok(port @ 1..) = u16::try_from(port)
            && !host.is_empty()
        {
            self.flexible = from.flexible;
            self.all.push(Place {
                host: start..middle,
                port: middle..from.at(),
                address: Address { host, port },
            });
        }
        Some(())
    }

    /// The tag with the brokers that lead now (KIP-951).
    pub(super) fn read_tag(&mut self, tag: Tag, from: &mut Cursor<'_>) -> Option<()> {
        self.tag = Some(tag);
        from.array(|it| {
            it.i32()?;
            self.read(it)?;
            it.optional_text()?;
            it.end()
        })
    }

    /// The frame with `door(broker)` in each place.
    pub(crate) fn fill(
        &self,
        frame: &Bytes,
        mut door: impl FnMut(Address) -> Result<Address, Error>,
    ) -> Result<Bytes, Error> {
        let mut doors = Vec::new();
        for place in &self.all {
            doors.push(door(place.address.clone())?);
        }
        let answer = &frame[LENGTH..];
        let (mut new, mut from) = (BytesMut::with_capacity(frame.len() + 64), 0);
        if let Some(Tag {
            length_at, length, ..
        }) = &self.tag
        {
            let (mut old, mut longer) = (0, 0);
            for (place, door) in self.all.iter().zip(&doors) {
                old += place.host.len();
                longer += host(&door.host, self.flexible).len();
            }
            new.put_slice(&answer[..length_at.start]);
            put_unsigned(&mut new, length + longer - old);
            from = length_at.end;
        }
        for (place, door) in self.all.iter().zip(&doors) {
            new.put_slice(&answer[from..place.host.start]);
            new.put_slice(&host(&door.host, self.flexible));
            new.put_i32(i32::from(door.port));
            from = place.port.end;
        }
        new.put_slice(&answer[from..]);
        super::frame::whole(&new)
    }
}

/// A host as it is written, its length included.
fn host(host: &str, flexible: bool) -> BytesMut {
    let mut bytes = BytesMut::new();
    match flexible {
        true => put_unsigned(&mut bytes, host.len() + 1),
        // A host has 255 bytes at most.
        false => bytes.put_u16(u16::try_from(host.len()).unwrap_or_default()),
    }
    bytes.put_slice(host.as_bytes());
    bytes
}

fn put_unsigned(to: &mut BytesMut, mut value: usize) {
    while value > 0x7f {
        to.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    to.put_u8(value as u8);
}
