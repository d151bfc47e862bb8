//! The versions of `order.created`, and the way from each to the next.

use prost::Message;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

// ANCHOR: v1
/// Spring: a total in euros.
pub mod v1 {
    use super::*;

    /// An order was taken.
    #[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
    pub struct OrderCreated {
        #[prost(uint32, tag = "1")]
        pub order: u32,
        #[prost(uint32, tag = "2")]
        pub total: u32,
    }
}
// ANCHOR_END: v1

/// Summer: the same, and a currency.
pub mod v2 {
    use super::*;

    /// An order was taken.
    #[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
    pub struct OrderCreated {
        #[prost(uint32, tag = "1")]
        pub order: u32,
        #[prost(uint32, tag = "2")]
        pub total: u32,
        #[prost(string, tag = "3")]
        pub currency: String,
    }
}

// ANCHOR: v3
/// Autumn: cents instead of the total.
pub mod v3 {
    use super::*;

    /// An order was taken.
    #[derive(Clone, PartialEq, Message, Serialize, Deserialize, JsonSchema)]
    pub struct OrderCreated {
        /// The order's number.
        #[prost(uint32, tag = "1")]
        pub order: u32,
        /// ISO 4217, such as EUR.
        #[prost(string, tag = "3")]
        pub currency: String,
        // Tag 2 was the total, and is never used again.
        /// What it costs, in hundredths.
        #[prost(uint32, tag = "4")]
        pub cents: u32,
    }
}
// ANCHOR_END: v3

/// On the way from summer to autumn: both, until no reader is left that needs the total.
pub mod between {
    use super::*;

    /// An order was taken.
    #[derive(Clone, PartialEq, Message, Serialize)]
    pub struct OrderCreated {
        #[prost(uint32, tag = "1")]
        pub order: u32,
        #[prost(uint32, tag = "2")]
        pub total: u32,
        #[prost(string, tag = "3")]
        pub currency: String,
        #[prost(uint32, tag = "4")]
        pub cents: u32,
    }
}

// ANCHOR: upcast
impl From<v1::OrderCreated> for v2::OrderCreated {
    fn from(old: v1::OrderCreated) -> Self {
        v2::OrderCreated {
            order: old.order,
            total: old.total,
            // In spring the shop had one currency.
            currency: "EUR".to_owned(),
        }
    }
}

impl From<v2::OrderCreated> for v3::OrderCreated {
    fn from(old: v2::OrderCreated) -> Self {
        v3::OrderCreated {
            order: old.order,
            currency: old.currency,
            cents: old.total * 100,
        }
    }
}
// ANCHOR_END: upcast

/// Another event.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize, JsonSchema)]
pub struct OrderShipped {
    /// The order's number.
    #[prost(uint32, tag = "1")]
    pub order: u32,
}
