//! Kafka transactions: an order is read, its payment is written, and the position moves on, all of it
//! or nothing.
//!
//! ```console
//! cargo run -p ch04-kafka-transactions
//! cargo run -p ch04-kafka-transactions -- --mode plain
//! cargo run -p ch04-kafka-transactions -- --accident open
//! ```

mod accounting;
mod args;
mod records;
mod worker;

use std::time::Duration;

use accounting::Accounting;
use anyhow::{Result, anyhow};
use args::{Accident, Args};
use brokers::Broker;
use clap::Parser;
use history::{Event, Log, Verb};
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::producer::FutureProducer;
use tokio::task::block_in_place;
use topics::Topic;
use worker::{Paid, Worker};

/// How long to wait for Kafka before that is an error. A Kafka with settings of its own looks every
/// 10 s for transactions that take too long.
const PATIENCE: Duration = Duration::from_secs(20);
/// Payments that somebody else writes, later than those of the workers.
const OTHERS: usize = 100;
const OTHER: &str = "payment.processed";

/// The topics' names on the broker.
#[derive(Clone)]
pub struct Topics {
    orders: String,
    payments: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let kafka = brokers::kafka().await?;
    let names = Topics {
        orders: kafka.name("orders"),
        payments: kafka.name("payments"),
    };
    let mut log = Log::new();
    let orders = Topic::create(kafka.url(), one_partition(&names.orders)).await?;
    let payments = match Topic::create(kafka.url(), one_partition(&names.payments)).await {
        Ok(payments) => payments,
        Err(error) => return orders.delete().await.and(Err(error)),
    };
    let outcome = tokio::select! {
        // In this order: where both are ready, the signal counts.
        biased;
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
        outcome = trade(&args, &kafka, [&orders, &payments], &names, &mut log) => outcome,
    };
    orders.delete_groups(&[&kafka.name("payments")]).await?;
    orders.delete().await?;
    payments.delete().await?;
    kafka.stop().await?;
    log.finish(&outcome?)?;
    Ok(())
}

fn one_partition(name: &str) -> NewTopic<'_> {
    // -1: as many replicas as the cluster's default says.
    NewTopic::new(name, 1, TopicReplication::Fixed(-1))
}

/// Gives the orders that nobody has dealt with.
async fn trade(
    args: &Args,
    kafka: &Broker,
    topics: [&Topic; 2],
    names: &Topics,
    log: &mut Log,
) -> Result<Vec<u32>> {
    for topic in topics {
        topic.ready().await?;
    }
    let plain = records::producer(kafka)?;
    records::write(&plain, &names.orders, &["o-1", "o-2", "o-3", "o-4"]).await?;
    for order in 1..=4 {
        log.event(Event::new("kafka", Verb::Stored, order));
    }
    // ANCHOR: trade
    let first = Worker::start(args, kafka, names, 1)?;
    first.work(2, log).await?;
    let paid = first.pay(log).await?;
    match args.accident {
        Accident::None => {
            first.finish(&paid, log);
            first.work(1, log).await?;
        }
        Accident::Crash => {
            block_in_place(|| drop(first));
            log.remark("worker 1", "dies with o-3 in hand");
            Worker::start(args, kafka, names, 2)?.work(2, log).await?;
        }
        Accident::Zombie => {
            log.remark("worker 1", "stands still with o-3 in hand");
            Worker::start(args, kafka, names, 2)?.work(2, log).await?;
            first.finish(&paid, log);
        }
        Accident::Open => {
            return stand_still(args, (kafka, names, &plain), (&first, &paid), log).await;
        }
    }
    let accounting = Accounting::start(args, kafka, &names.payments)?;
    accounting.read_to(4, log).await?;
    // ANCHOR_END: trade
    Ok(Vec::new())
}

// ANCHOR: open
/// Worker 1 keeps its transaction open, and others write to the topic of the payments.
async fn stand_still(
    args: &Args,
    (kafka, names, plain): (&Broker, &Topics, &FutureProducer),
    (first, paid): (&Worker, &Paid),
    log: &mut Log,
) -> Result<Vec<u32>> {
    log.remark("worker 1", "stands still with o-3 in hand");
    // Without any transaction. Each is stored and acknowledged at once.
    records::write(plain, &names.payments, &[OTHER; OTHERS]).await?;
    log.remark("shop", &format!("has stored {OTHERS} other payments"));
    let accounting = Accounting::start(args, kafka, &names.payments)?;
    let seen = accounting.read(log).await?;
    log.remark("accounting", &format!("sees {seen} of them"));
    // They come when Kafka has ended what is over its time.
    let later = accounting.wait_for(OTHERS - seen, log).await?;
    log.remark("accounting", &format!("has seen {} of them", seen + later));
    Ok(match first.finish(paid, log) {
        true => vec![4],
        false => vec![3, 4],
    })
}
// ANCHOR_END: open
