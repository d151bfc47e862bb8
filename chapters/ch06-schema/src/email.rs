//! Email's program of spring. It knows one type of message, in its first version.

use anyhow::{Result, bail};
use prost::Message;
use serde::Deserialize;

use crate::args::{Email, Format};
use crate::envelope::CREATED;
use crate::versions::v1;

// ANCHOR: tolerant
/// What the program knows, and a place for what it does not.
#[derive(Deserialize)]
#[serde(tag = "type")]
enum Tolerant {
    #[serde(rename = "order.created")]
    OrderCreated(v1::OrderCreated),
    // A type that is newer than this program. Fields that it does not know are passed over.
    #[serde(other)]
    Unknown,
}
// ANCHOR_END: tolerant

// ANCHOR: strict
/// What the program knows, and nothing else.
#[derive(Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
enum Strict {
    #[serde(rename = "order.created")]
    OrderCreated { order: u32, total: u32 },
}
// ANCHOR_END: strict

/// The order, where the message is about a new one.
pub fn read(
    attitude: Email,
    format: Format,
    subject: &str,
    payload: &[u8],
) -> Result<Option<v1::OrderCreated>> {
    match (format, attitude) {
        (Format::Json, Email::Tolerant) => match serde_json::from_slice(payload)? {
            Tolerant::OrderCreated(order) => Ok(Some(order)),
            Tolerant::Unknown => Ok(None),
        },
        (Format::Json, Email::Strict) => {
            let Strict::OrderCreated { order, total } = serde_json::from_slice(payload)?;
            Ok(Some(v1::OrderCreated { order, total }))
        }
        // Fields with a number that the program does not know are skipped: there is no other way.
        (Format::Protobuf, _) if subject.ends_with(CREATED) => {
            Ok(Some(v1::OrderCreated::decode(payload)?))
        }
        (Format::Protobuf, Email::Tolerant) => Ok(None),
        (Format::Protobuf, Email::Strict) => bail!("unknown type `{subject}`"),
    }
}
