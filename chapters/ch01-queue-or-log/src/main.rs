//! Six orders through a channel, a queue and a log. Inventory is there from the start, analytics
//! comes after the third order, and accounting asks in the evening what can be read again.
//!
//! ```console
//! cargo run -p ch01-queue-or-log -- --through channel
//! cargo run -p ch01-queue-or-log -- --through queue
//! cargo run -p ch01-queue-or-log -- --through stream
//! cargo run -p ch01-queue-or-log --features kafka -- --through log
//! ```

mod args;
mod channel;
#[cfg(feature = "kafka")]
mod log;
mod queue;
mod stream;

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use args::{Args, Through};
use clap::Parser;
use history::{Event, Log, Verb, strip};

/// The orders of the day; analytics comes before the fourth.
const MORNING: [u32; 3] = [1, 2, 3];
const AFTERNOON: [u32; 3] = [4, 5, 6];
/// How long to wait for a message that must come.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let mut day = Day::new();
    let outcome = match args.through {
        Through::Channel => channel::day(&mut day).await,
        Through::Queue => queue::day(&mut day).await,
        #[cfg(feature = "kafka")]
        Through::Log => log::day(&mut day).await,
        #[cfg(not(feature = "kafka"))]
        Through::Log => Err(anyhow!(args::with_client())),
        Through::Stream => stream::day(&mut day).await,
    };
    outcome?;
    day.closes()
}

/// What the day's trade comes to, or an error when somebody interrupts it. What it has made on the
/// broker is taken away in both cases.
async fn or_interrupted(trade: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::select! {
        // In this order: where both are ready, the signal counts.
        biased;
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
        outcome = trade => outcome,
    }
}

/// What was seen on this day.
struct Day {
    log: Log,
}

impl Day {
    fn new() -> Day {
        Day { log: Log::new() }
    }

    fn says(&mut self, lane: &str, text: &str) {
        self.log.remark(lane, text);
    }

    fn sent(&mut self, order: u32) {
        self.log.event(Event::new("shop", Verb::Sent, order));
    }

    fn got(&mut self, service: &str, order: u32) {
        self.log.event(Event::new(service, Verb::Got, order));
    }

    /// What each service has got, and what the evening finds.
    fn ends(&mut self, keeper: &str, remain: u64, again: usize) {
        for service in ["inventory", "analytics"] {
            let events = self.log.events().iter();
            let got = events.filter(|event| event.lane == service && event.verb == Verb::Got);
            let text = format!("got {} of 6 orders", got.count());
            self.says(service, &text);
        }
        self.says(keeper, &format!("keeps {remain} orders"));
        self.says("accounting", &format!("reads {again} orders again"));
    }

    /// Two services read, and one strip cannot judge both. It judges the late one: of which orders has
    /// analytics heard? It has no more to do than that.
    fn closes(self) -> Result<()> {
        let judged = |event: &Event| match event.verb {
            Verb::Got if event.lane == "analytics" => {
                Some(Event::new("analytics", Verb::Done, event.message))
            }
            Verb::Sent => Some(event.clone()),
            _ => None,
        };
        let events: Vec<Event> = self.log.events().iter().filter_map(judged).collect();
        self.log.close(&strip(&events, &[]))?;
        Ok(())
    }
}

/// `o-3` is order 3.
fn order_of(body: &[u8]) -> Result<u32> {
    let body = std::str::from_utf8(body)?;
    let number = body.strip_prefix("o-").context("not an order")?;
    Ok(number.parse()?)
}
