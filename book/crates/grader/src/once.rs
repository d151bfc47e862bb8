//! The judgement that most stories need: each message once.

use std::collections::BTreeMap;

use history::{AnomalyName, Event, History, Verb};

use crate::{Case, account};

/// The order's number in `o-7`.
pub fn number(id: &str) -> Option<u32> {
    history::number(id).ok()
}

/// The orders that a text names, each by the whole word `o-N`, and each once.
pub(crate) fn orders(text: &[u8]) -> Vec<u32> {
    let text = String::from_utf8_lossy(text);
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let mut orders = Vec::new();
    for order in words.filter_map(number) {
        if !orders.contains(&order) {
            orders.push(order);
        }
    }
    orders
}

impl Case {
    /// Refuses what the checker finds wrong with a history, under the checker's names; but a
    /// `lost-write` is a `lost-message` here.
    pub fn check(&self, history: &History) {
        for anomaly in history::check(history) {
            let name = match anomaly.name {
                AnomalyName::LostWrite => "lost-message",
                name => name.word(),
            };
            let why = self.with(|state| account::short(state, anomaly.sentence));
            self.refuse(name, why);
        }
    }

    /// Refuses what is not there (`lost-message`), there more than once (`duplicate`), or was never
    /// asked for (`phantom`). `place` is where it should be, as in `the topic`; `found` are the
    /// orders with where they lie, as in `offset 3`. The fate strip is drawn from it, too.
    pub fn each_once(
        &self,
        place: &str,
        expected: impl IntoIterator<Item = u32>,
        found: impl IntoIterator<Item = (u32, String)>,
    ) {
        for (order, places) in self.each_found(place, expected, found) {
            if let [first @ .., last] = places.as_slice()
                && !first.is_empty()
            {
                let (count, first) = (places.len(), first.join(", "));
                let why = format!("{place} has o-{order} {count} times: at {first} and {last}");
                self.refuse("duplicate", why);
            }
        }
    }

    /// The same where a message may be there more than once.
    pub fn each_at_least_once(
        &self,
        place: &str,
        expected: impl IntoIterator<Item = u32>,
        found: impl IntoIterator<Item = (u32, String)>,
    ) {
        self.each_found(place, expected, found);
    }

    /// Refuses what is missing and what nobody ordered, and gives the others with their places.
    fn each_found(
        &self,
        place: &str,
        expected: impl IntoIterator<Item = u32>,
        found: impl IntoIterator<Item = (u32, String)>,
    ) -> BTreeMap<u32, Vec<String>> {
        let mut all: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for order in expected {
            self.event(Event::new("orders", Verb::Sent, order));
            all.insert(order, Vec::new());
        }
        for (order, at) in found {
            self.event(Event::new("broker", Verb::Done, order));
            match all.get_mut(&order) {
                Some(places) => places.push(at),
                None => {
                    let why = format!("{place} has o-{order} at {at}, which nobody ordered");
                    self.refuse("phantom", why);
                }
            }
        }
        for (order, places) in &all {
            if places.is_empty() {
                self.refuse("lost-message", format!("o-{order} is not in {place}"));
            }
        }
        all
    }
}
