//! AMQP 0-9-1: methods, each with the content that follows it.

use std::fmt;

use bytes::BytesMut;

use crate::frame::Fields as Any;
use crate::reader::{Unit, Unreadable};
use crate::{UNREAD, Way};

/// What a method says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {}

impl fmt::Display for Fields {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

pub(crate) struct Reader {}

impl Reader {
    pub(crate) fn new(_: Way) -> Reader {
        Reader {}
    }

    pub(crate) fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Unit>, Unreadable> {
        let bytes = buffer.split().freeze();
        Ok(Some(Unit::new(bytes, UNREAD, Any::None)))
    }

    pub(crate) fn rest(&mut self) -> BytesMut {
        BytesMut::new()
    }
}
