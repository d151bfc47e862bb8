//! Publish and subscribe on three brokers: two services publish five events, four services hear of
//! them.
//!
//! ```console
//! cargo run -p ch01-pub-sub
//! cargo run -p ch01-pub-sub -- --late yes
//! cargo run -p ch01-pub-sub --features rabbitmq,kafka -- --broker rabbitmq
//! cargo run -p ch01-pub-sub --features rabbitmq,kafka -- --broker kafka
//! ```

mod args;
#[cfg(feature = "kafka")]
mod kafka;
mod nats;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;

use std::time::Duration;

use anyhow::{Context, Result};
use args::{Args, Broker, Late};
use clap::Parser;
use history::{Event, Log, Verb, strip};

/// How long to wait for a broker before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);

/// Something that a service does in the course of the day.
#[derive(Clone, Copy)]
enum Step {
    /// The service wants to hear of events of these types.
    Subscribes(&'static str, &'static str),
    /// The service publishes an event of this type about an order.
    Publishes(&'static str, &'static str, u32),
}

/// What the broker has sent to a service by the evening.
struct Received {
    service: &'static str,
    pattern: &'static str,
    /// Type and order of each event.
    events: Vec<(String, u32)>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let mut log = Log::new();
    let day = scene(args.late);
    let received = match args.broker {
        Broker::Nats => nats::day(&day, &mut log).await?,
        #[cfg(feature = "rabbitmq")]
        Broker::Rabbitmq => rabbitmq::day(&day, &mut log).await?,
        #[cfg(feature = "kafka")]
        Broker::Kafka => kafka::day(&day, &mut log).await?,
        #[cfg(not(all(feature = "rabbitmq", feature = "kafka")))]
        _ => anyhow::bail!(args::with_client()),
    };
    for got in &received {
        handle(got, &mut log);
    }
    // Each service has its own copies, so the strip judges one of them: does accounting, which may be
    // late, hear of each payment?
    let events: Vec<Event> = log.events().iter().filter_map(judged).collect();
    log.close(&strip(&events, &[]))?;
    Ok(())
}

/// What the strip is about: the payments. One that accounting has got is done.
fn judged(event: &Event) -> Option<Event> {
    let mut event = event.clone();
    if event.verb == Verb::Got {
        event.verb = Verb::Done;
    }
    wants("payment.*", &event.text).then_some(event)
}

// ANCHOR: scene
fn scene(late: Late) -> Vec<Step> {
    use Step::{Publishes, Subscribes};
    let accounting = Subscribes("accounting", "payment.*");
    let mut day = vec![
        Subscribes("email", "order.*"),
        Subscribes("inventory", "order.created"),
        Subscribes("analytics", "order.*"),
        Publishes("orders", "order.created", 1),
        Publishes("payments", "payment.processed", 1),
        Publishes("orders", "order.created", 2),
        Publishes("payments", "payment.failed", 2),
        Publishes("orders", "order.shipped", 1),
    ];
    match late {
        Late::No => day.insert(3, accounting),
        // After the first payment.
        Late::Yes => day.insert(5, accounting),
    }
    day
}
// ANCHOR_END: scene

/// What the service does with its events. It looks at the type of each, since not every broker does
/// that for it.
fn handle(got: &Received, log: &mut Log) {
    let mut wanted = 0;
    for (event, order) in &got.events {
        if wants(got.pattern, event) {
            wanted += 1;
            log.event(Event::new(got.service, Verb::Got, *order).text(event.as_str()));
        } else {
            log.remark(got.service, &format!("passes over o-{order} {event}"));
        }
    }
    let received = got.events.len();
    let text = format!("receives {received}, wants {wanted}");
    log.remark(got.service, &text);
}

fn wants(pattern: &str, event: &str) -> bool {
    let begin = pattern.strip_suffix('*');
    event == pattern || begin.is_some_and(|begin| event.starts_with(begin))
}

/// `o-3` is order 3.
fn order_of(body: &[u8]) -> Result<u32> {
    let body = std::str::from_utf8(body)?;
    let number = body.strip_prefix("o-").context("not an order")?;
    Ok(number.parse()?)
}
