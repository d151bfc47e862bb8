//! What a stalled consumer looks like from outside: each broker's own numbers as Prometheus text,
//! and two alarms on them.
//!
//! ```console
//! cargo run -p ch06-monitoring
//! cargo run -p ch06-monitoring -- --broker rabbitmq --takes all
//! cargo run -p ch06-monitoring -- --broker kafka --takes all
//! ```

mod args;
mod kafka;
mod nats;
mod rabbit;
mod site;

use anyhow::{Result, anyhow};
use args::{Args, From, Takes};
use clap::Parser;
use history::{Event, Log, Verb};
use site::{Scrape, Site};

/// More waiting orders than this wake somebody.
const DEEP: i64 = 2;

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    match args.broker {
        From::Nats => open(nats::Shop::open().await?, args.takes).await,
        From::Rabbitmq => open(rabbit::Shop::open(args.takes).await?, args.takes).await,
        From::Kafka => open(kafka::Shop::open(args.takes).await?, args.takes).await,
    }
}

async fn open<S: Site>(mut site: S, takes: Takes) -> Result<()> {
    let mut day = Day {
        log: Log::new(),
        last: None,
        depth: 0,
        progress: 0,
    };
    let outcome = tokio::select! {
        // In this order: where both are ready, the signal counts.
        biased;
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
        outcome = day.trade(&mut site, takes) => outcome,
    };
    site.close().await?;
    outcome?;
    day.log.finish(&[])?;
    Ok(())
}

/// What is seen, and what the alarms remember.
struct Day {
    log: Log,
    last: Option<Scrape>,
    depth: u32,
    progress: u32,
}

impl Day {
    async fn trade<S: Site>(&mut self, site: &mut S, takes: Takes) -> Result<()> {
        for order in 1..=2 {
            self.store(site, order).await?;
            self.take(site, 1).await?;
            self.done(site, order).await?;
        }
        self.scrape(site, "inventory works").await?;
        // ANCHOR: trade
        for order in 3..=6 {
            self.store(site, order).await?;
        }
        let at_a_time = if takes == Takes::All { 4 } else { 1 };
        self.take(site, at_a_time).await?;
        self.scrape(site, "inventory stalls").await?;
        self.log.event(Event::new("inventory", Verb::Failed, 3));
        let again = site.again(3).await?;
        self.got(again);
        self.scrape(site, "o-3 has come again").await?;
        for order in 3..=6 {
            if order > 3 && takes == Takes::One {
                self.take(site, 1).await?;
            }
            self.done(site, order).await?;
        }
        self.scrape(site, "all is done").await?;
        // ANCHOR_END: trade
        let rang = format!("depth alarms {}", self.depth);
        self.log.remark("shop", &rang);
        let rang = format!("progress alarms {}", self.progress);
        self.log.remark("shop", &rang);
        Ok(())
    }

    // ANCHOR: scrape
    /// What Prometheus would read now, and whether it would wake somebody.
    async fn scrape<S: Site>(&mut self, site: &mut S, when: &str) -> Result<()> {
        let now = site.scrape().await?;
        self.log.remark("shop", &format!("scrapes: {when}"));
        // Lines with a # are for Prometheus: what a metric means, and whether it only grows.
        for line in now.text.lines().filter(|line| !line.starts_with('#')) {
            self.log.remark(S::LANE, line);
        }
        if now.depth > DEEP {
            self.depth += 1;
            self.log.remark("shop", "alarm: depth");
        }
        let before = self.last.as_ref().map_or(0, |last| last.finished);
        if now.depth + now.held > 0 && now.finished == before {
            self.progress += 1;
            self.log.remark("shop", "alarm: no progress");
        }
        self.last = Some(now);
        Ok(())
    }
    // ANCHOR_END: scrape

    async fn store<S: Site>(&mut self, site: &mut S, order: u32) -> Result<()> {
        site.store(order).await?;
        self.log.event(Event::new(S::LANE, Verb::Stored, order));
        Ok(())
    }

    async fn take<S: Site>(&mut self, site: &mut S, count: usize) -> Result<()> {
        let orders = site.take(count).await?;
        self.got(orders);
        Ok(())
    }

    fn got(&mut self, orders: Vec<u32>) {
        for order in orders {
            self.log.event(Event::new("inventory", Verb::Got, order));
        }
    }

    async fn done<S: Site>(&mut self, site: &mut S, order: u32) -> Result<()> {
        site.done(order).await?;
        self.log.event(Event::new("inventory", Verb::Done, order));
        Ok(())
    }
}
