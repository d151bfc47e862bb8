//! How the orders service writes a message.

use anyhow::Result;
use prost::Message;
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::{Change, Format};
use crate::versions::{OrderShipped, between, v1, v2, v3};

pub const CREATED: &str = "order.created";
pub const SHIPPED: &str = "order.shipped";
/// Each order costs this, in euros.
pub const PRICE: u32 = 20;

/// An event of the orders service.
#[derive(Serialize, JsonSchema)]
pub struct Envelope<T> {
    /// The type, such as `order.created`.
    pub r#type: String,
    /// The version of the type; 1 where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32")]
    pub version: Option<u32>,
    #[serde(flatten)]
    pub body: T,
}

/// A message on its way to the broker.
pub struct Written {
    pub order: u32,
    pub subject: &'static str,
    pub payload: Vec<u8>,
}

/// The messages of the year. The first two were written in spring.
pub fn year(change: Change, format: Format) -> Result<Vec<Written>> {
    let created = |version, order| write(format, CREATED, version, order, &spring(order));
    let mut messages = vec![created(None, 1)?, created(None, 2)?];
    for order in [3, 4] {
        messages.push(match change {
            Change::Add => write(format, CREATED, Some(2), order, &summer(order))?,
            Change::Rename => write(format, CREATED, Some(3), order, &autumn(order))?,
            Change::Expand => write(format, CREATED, Some(3), order, &both(order))?,
            Change::Repurpose => {
                let total = PRICE * 100;
                let body = v1::OrderCreated { order, total };
                write(format, CREATED, None, order, &body)?
            }
        });
    }
    messages.push(write(format, SHIPPED, None, 5, &OrderShipped { order: 5 })?);
    Ok(messages)
}

fn spring(order: u32) -> v1::OrderCreated {
    let total = PRICE;
    v1::OrderCreated { order, total }
}

fn summer(order: u32) -> v2::OrderCreated {
    spring(order).into()
}

fn autumn(order: u32) -> v3::OrderCreated {
    summer(order).into()
}

fn both(order: u32) -> between::OrderCreated {
    let new = autumn(order);
    between::OrderCreated {
        order,
        total: PRICE,
        currency: new.currency,
        cents: new.cents,
    }
}

// ANCHOR: write
fn write<T: Message + Serialize + Clone>(
    format: Format,
    subject: &'static str,
    version: Option<u32>,
    order: u32,
    body: &T,
) -> Result<Written> {
    let payload = match format {
        // Fields by name, and the type beside them.
        Format::Json => serde_json::to_vec(&Envelope {
            r#type: subject.to_owned(),
            version,
            body: body.clone(),
        })?,
        // Fields by number. Neither names nor types are in the bytes; the subject tells the type.
        Format::Protobuf => body.encode_to_vec(),
    };
    Ok(Written {
        order,
        subject,
        payload,
    })
}
// ANCHOR_END: write

/// The bytes as a reader of this book may look at them.
pub fn shown(format: Format, payload: &[u8]) -> String {
    match format {
        Format::Json => String::from_utf8_lossy(payload).into_owned(),
        Format::Protobuf => {
            let bytes: Vec<String> = payload.iter().map(|byte| format!("{byte:02x}")).collect();
            bytes.join(" ")
        }
    }
}
