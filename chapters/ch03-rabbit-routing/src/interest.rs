//! What is published, and what each service wants of it.

use lapin::types::{AMQPValue, FieldTable};

/// An event: the number of its order, its routing key, and its headers.
pub struct Published {
    pub order: u32,
    pub key: &'static str,
    pub headers: &'static str,
}

/// A service's wish, once as a pattern for the routing key and once as headers.
pub struct Interest {
    pub service: &'static str,
    pub pattern: &'static str,
    pub headers: &'static str,
}

// ANCHOR: events
/// Nobody wants the fifth event. The sixth is a slip of a programmer, who left out the verb.
pub const EVENTS: [Published; 6] = [
    event(1, "order.created", "about=order what=created"),
    event(2, "order.shipped", "about=order what=shipped"),
    event(3, "payment.processed", "about=payment what=processed"),
    event(4, "payment.failed", "about=payment what=failed"),
    event(5, "stock.reserved", "about=stock what=reserved"),
    event(6, "order", "about=order"),
];
// ANCHOR_END: events

// ANCHOR: interests
/// The headers count with a headers exchange alone, and the pattern with the other types.
pub const INTERESTS: [Interest; 4] = [
    wants("email", "order.*", "x-match=all about=order"),
    wants(
        "inventory",
        "order.created",
        "x-match=all about=order what=created",
    ),
    wants(
        "analytics",
        "order.#",
        "x-match=any about=order what=failed",
    ),
    wants("accounting", "payment.*", "x-match=all about=payment"),
];
// ANCHOR_END: interests

impl Interest {
    /// The service's queue, named for what it holds.
    pub fn queue(&self) -> String {
        format!("{}.{}", self.service, self.pattern)
    }
}

/// Headers as the protocol has them: each a name and a value, here always a text.
pub fn table(headers: &str) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in headers.split(' ').filter_map(|pair| pair.split_once('=')) {
        table.insert(name.into(), AMQPValue::LongString(value.into()));
    }
    table
}

const fn event(order: u32, key: &'static str, headers: &'static str) -> Published {
    Published {
        order,
        key,
        headers,
    }
}

const fn wants(service: &'static str, pattern: &'static str, headers: &'static str) -> Interest {
    Interest {
        service,
        pattern,
        headers,
    }
}
