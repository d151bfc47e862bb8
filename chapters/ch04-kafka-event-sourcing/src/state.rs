//! What accounting knows of the orders: a fold over their events.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Something that has happened to an order. It is never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The order's number.
    pub order: u32,
    /// What has happened.
    pub what: What,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// Somebody has ordered
    #[serde(rename = "order.created")]
    Created,
    /// So many EUR have come
    #[serde(rename = "payment.processed")]
    Paid(u32),
    /// It is on its way
    #[serde(rename = "order.shipped")]
    Shipped,
}

// ANCHOR: state
/// All of it comes from events, and from nothing else: no clock, no random number, no other service.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Each order, and how far it is.
    pub orders: BTreeMap<u32, What>,
    /// All the money that has come, in EUR.
    pub paid: u32,
    /// The orders whose payments are in that sum, for the strip. A service does not keep this: it
    /// grows for ever.
    pub counted: Vec<u32>,
}

impl State {
    /// The state after one more event. Says what is odd about it.
    pub fn apply(&mut self, event: Event) -> Option<String> {
        if let What::Paid(amount) = event.what {
            self.paid += amount;
            self.counted.push(event.order);
        }
        let before = self.orders.insert(event.order, event.what);
        let is_odd = before.is_none() && event.what != What::Created;
        is_odd.then(|| format!("o-{} was never created", event.order))
    }
}
// ANCHOR_END: state
