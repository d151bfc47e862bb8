//! The judgement that most stories need: each message once.

use std::collections::BTreeMap;

use history::{Event, Verb};

use crate::Case;

/// The order's number in `o-7`.
pub fn number(id: &str) -> Option<u32> {
    id.strip_prefix("o-")?.parse().ok()
}

impl Case {
    /// Refuses what is not there (`lost-message`), there twice (`duplicate`), or was never asked
    /// for (`phantom`). `place` is where it should be, as in `the topic`; `found` are the orders
    /// with where they lie, as in `offset 3`. The fate strip is drawn from it, too.
    pub fn each_once(
        &self,
        place: &str,
        expected: impl IntoIterator<Item = u32>,
        found: impl IntoIterator<Item = (u32, String)>,
    ) {
        let mut all: BTreeMap<u32, Option<Vec<String>>> = BTreeMap::new();
        for order in expected {
            self.event(Event::new("orders", Verb::Sent, order));
            all.insert(order, Some(Vec::new()));
        }
        for (order, at) in found {
            self.event(Event::new("broker", Verb::Done, order));
            match all.entry(order).or_default() {
                Some(places) => places.push(at),
                None => self.refuse(
                    "phantom",
                    format!("{place} has o-{order} at {at}, which nobody ordered"),
                ),
            }
        }
        for (order, places) in &all {
            let Some(places) = places else { continue };
            match places.as_slice() {
                [_] => {}
                [] => self.refuse("lost-message", format!("o-{order} is not in {place}")),
                [first @ .., last] => {
                    let (count, first) = (places.len(), first.join(", "));
                    let why = format!("{place} has o-{order} {count} times: at {first} and {last}");
                    self.refuse("duplicate", why);
                }
            }
        }
    }
}
