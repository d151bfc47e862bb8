//! The desk of the payments service: the same work, whichever broker brings the order.

use anyhow::{Context, Result};
use history::{Event, Log, Verb};

/// The orders of the day.
pub const ORDERS: u32 = 5;
/// So many deliveries of one order are enough for an order that is handled.
pub const ATTEMPTS: u32 = 4;
/// The amount of this order is a word.
const POISON: u32 = 3;
/// After so many failures the listing stops. No broker would.
const ENOUGH: u32 = 100;

/// What became of one delivery.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The card is charged.
    Done,
    /// The same, and it was the last order.
    Last,
    /// It did not work.
    Failed,
    /// It did not work, and the listing has seen enough of it.
    Enough,
}

/// Charges orders, and prints what it does.
pub struct Desk<'a> {
    log: &'a mut Log,
    failures: u32,
}

impl Desk<'_> {
    pub fn new(log: &mut Log) -> Desk<'_> {
        Desk { log, failures: 0 }
    }

    pub fn sent(&mut self, order: u32) {
        let sent = Event::new("shop", Verb::Sent, order);
        self.log.event(sent.text("payment.charge"));
    }

    /// An order has come.
    pub fn got(&mut self, body: &[u8]) -> Result<()> {
        if self.failures < ATTEMPTS || amount(body).is_ok() {
            let got = Event::new("payments", Verb::Got, order_of(body)?);
            self.log.event(got);
        }
        Ok(())
    }

    /// Charges the order. `attempt` is what is known of earlier attempts, and from whom.
    pub fn charge(&mut self, body: &[u8], attempt: &str) -> Result<Outcome> {
        let order = order_of(body)?;
        if amount(body).is_ok() {
            self.log.event(Event::new("payments", Verb::Done, order));
            let last = order == ORDERS;
            return Ok(if last { Outcome::Last } else { Outcome::Done });
        }
        self.failures += 1;
        // Of a hundred failures the first ones are enough to read.
        if self.failures <= ATTEMPTS {
            let failed = Event::new("payments", Verb::Failed, order);
            self.log.event(failed.text(attempt));
        }
        if self.failures < ENOUGH {
            return Ok(Outcome::Failed);
        }
        let text = format!("has failed {ENOUGH} times, and stops");
        self.log.remark("payments", &text);
        Ok(Outcome::Enough)
    }

    /// What somebody says about a whole order.
    pub fn says(&mut self, service: &str, text: &str) {
        self.log.remark(service, text);
    }
}

/// The body of an order: its number, and the amount.
pub fn body(order: u32) -> String {
    let amount = if order == POISON { "ten" } else { "10" };
    format!("o-{order} {amount} EUR")
}

/// `o-3 ten EUR` is order 3.
pub fn order_of(body: &[u8]) -> Result<u32> {
    let order = std::str::from_utf8(body)?.split(' ').next();
    let number = order.and_then(|order| order.strip_prefix("o-"));
    Ok(number.context("not an order")?.parse()?)
}

fn amount(body: &[u8]) -> Result<u32> {
    let amount = std::str::from_utf8(body)?.split(' ').nth(1);
    let amount = amount.context("no amount")?;
    let number = amount.parse();
    number.with_context(|| format!("`{amount}` is no amount"))
}
