//! Inventory's program of autumn. It works with the newest version, and can read the others.

use anyhow::{Error, Result, bail};
use async_nats::jetstream;
use history::Log;
use prost::Message;
use serde::Deserialize;

use crate::args::Format;
use crate::versions::{v1, v2, v3};

/// Reads all messages, and says what it reads.
pub async fn reserve(format: Format, messages: &[jetstream::Message], log: &mut Log) -> Result<()> {
    for (order, message) in (1..).zip(messages) {
        let text = match read(format, &message.payload)? {
            Some((created, version)) => {
                let (cents, currency) = (created.cents, created.currency);
                format!("reads o-{order}, version {version}: {cents} cents {currency}")
            }
            None => format!("passes o-{order} by"),
        };
        log.remark("inventory", &text);
        message.ack().await.map_err(Error::from_boxed)?;
    }
    Ok(())
}

/// What a message in JSON says about itself.
#[derive(Deserialize)]
struct Head {
    r#type: String,
    #[serde(default = "first")]
    version: u32,
}

fn first() -> u32 {
    1
}

/// The order in its newest form and the version that it was written in, where it is a new order.
pub fn read(format: Format, payload: &[u8]) -> Result<Option<(v3::OrderCreated, u32)>> {
    match format {
        Format::Json => read_json(payload),
        Format::Protobuf => read_protobuf(payload),
    }
}

// ANCHOR: read
fn read_json(payload: &[u8]) -> Result<Option<(v3::OrderCreated, u32)>> {
    let head: Head = serde_json::from_slice(payload)?;
    if head.r#type != "order.created" {
        return Ok(None);
    }
    // The rest of the program knows the newest version only. Old ones are lifted here, at the door.
    let order = match head.version {
        1 => {
            let old: v1::OrderCreated = serde_json::from_slice(payload)?;
            v2::OrderCreated::from(old).into()
        }
        2 => serde_json::from_slice::<v2::OrderCreated>(payload)?.into(),
        3 => serde_json::from_slice(payload)?,
        newer => bail!("version {newer} is newer than this program"),
    };
    Ok(Some((order, head.version)))
}
// ANCHOR_END: read

/// Protobuf has no version in the bytes; what a field number meant, it means for ever.
fn read_protobuf(payload: &[u8]) -> Result<Option<(v3::OrderCreated, u32)>> {
    let newest = v3::OrderCreated::decode(payload)?;
    if newest.cents > 0 {
        return Ok(Some((newest, 3)));
    }
    let old = v2::OrderCreated::decode(payload)?;
    if old.total == 0 {
        return Ok(None);
    }
    if old.currency.is_empty() {
        let older = v1::OrderCreated::decode(payload)?;
        return Ok(Some((v2::OrderCreated::from(older).into(), 1)));
    }
    Ok(Some((old.into(), 2)))
}
