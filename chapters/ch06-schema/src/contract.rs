//! The contract in a form that other teams and other languages can read, made from the types.

use anyhow::{Context, Result};
use schemars::{JsonSchema, schema_for};
use serde_json::{Value, json};

use crate::args::{Format, What};
use crate::envelope::{CREATED, Envelope, SHIPPED};
use crate::inventory;
use crate::versions::{OrderShipped, v3};

// ANCHOR: recorded
/// One message of each version as it was really sent, kept for ever.
const RECORDED: [(&str, &[u8]); 3] = [
    ("v1.json", include_bytes!("../contracts/recorded/v1.json")),
    ("v2.json", include_bytes!("../contracts/recorded/v2.json")),
    ("v3.json", include_bytes!("../contracts/recorded/v3.json")),
];

/// Reads each recorded message with today's program.
fn check() -> Result<()> {
    for (name, message) in RECORDED {
        let read = inventory::read(Format::Json, message).with_context(|| name.to_owned())?;
        let (order, version) = read.with_context(|| format!("{name} is no order"))?;
        println!("{name}: version {version}, {} cents", order.cents);
    }
    Ok(())
}
// ANCHOR_END: recorded

/// Prints what is asked for.
pub fn print(what: What) -> Result<()> {
    let mut document = match what {
        What::Check => return check(),
        What::Schema => schema::<v3::OrderCreated>(CREATED, 3),
        What::Asyncapi => asyncapi(),
    };
    // Any other crate in the build may ask serde_json to keep keys as they come. A contract has one
    // order, so that a difference in it is a change.
    document.sort_all_objects();
    println!("{}", serde_json::to_string_pretty(&document)?);
    Ok(())
}

fn schema<T: JsonSchema>(subject: &str, version: u32) -> Value {
    let mut schema = schema_for!(Envelope<T>).to_value();
    schema["title"] = subject.into();
    schema["properties"]["type"]["const"] = subject.into();
    schema["properties"]["version"]["const"] = version.into();
    schema
}

// ANCHOR: asyncapi
fn asyncapi() -> Value {
    let channel = |subject: &str, schema: Value| {
        let message = json!({ "contentType": "application/json", "payload": schema });
        json!({ "address": subject, "messages": { subject: message } })
    };
    let sends = |name: &str| json!({ "action": "send", "channel": { "$ref": name } });
    json!({
        "asyncapi": "3.1.0",
        "info": { "title": "orders", "version": "3.0.0" },
        "channels": {
            "created": channel(CREATED, schema::<v3::OrderCreated>(CREATED, 3)),
            "shipped": channel(SHIPPED, schema::<OrderShipped>(SHIPPED, 1)),
        },
        "operations": {
            "tellCreated": sends("#/channels/created"),
            "tellShipped": sends("#/channels/shipped"),
        },
    })
}
// ANCHOR_END: asyncapi
