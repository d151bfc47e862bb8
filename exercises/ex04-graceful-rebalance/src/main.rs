//! The inventory service: it reserves each order of the topic, until it is asked to end. Its first
//! argument says what it does then.

use std::future::pending;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::block_in_place;

#[tokio::main]
async fn main() -> Result<()> {
    let ask = "run `cargo book grade ex04-graceful-rebalance`, which starts this program";
    let servers = std::env::var("KAFKA_BOOTSTRAP_SERVERS").context(ask)?;
    let variant = std::env::args().nth(1).context(ask)?;
    let mut sigterm = signals(&variant)?;
    // Whether an order counts as done when the client hands it over, or when we say so.
    let hands_over = variant == "leave";
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &servers)
        .set("enable.idempotence", "true")
        .create()?;
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", &servers)
        .set("group.id", "inventory")
        .set("session.timeout.ms", "6000")
        .set("auto.offset.reset", "earliest")
        .set("auto.commit.interval.ms", "60000")
        .set("enable.auto.offset.store", hands_over.to_string())
        .create()?;
    consumer.subscribe(&["orders"])?;
    loop {
        let record = tokio::select! {
            biased;
            () = came(&mut sigterm) => break,
            record = consumer.recv() => record,
        };
        let record = match record {
            Ok(record) => record,
            Err(error @ KafkaError::MessageConsumptionFatal(_)) => return Err(error.into()),
            // Other errors are news: the client goes on trying by itself. `AutoOffsetReset` would be
            // another end, but it comes with `auto.offset.reset=error` alone.
            Err(error) => {
                eprintln!("{error}");
                continue;
            }
        };
        let order = String::from_utf8(record.key().context("no key")?.to_vec())?;
        tokio::select! {
            biased;
            () = came(&mut sigterm) => break,
            reserved = reserve(&producer, &order) => reserved?,
        }
        if !hands_over {
            consumer.store_offset_from_message(&record)?;
        }
    }
    // The consumer commits and says goodbye to its group.
    block_in_place(|| drop(consumer));
    Ok(())
}

/// What the variant does about a SIGTERM.
fn signals(variant: &str) -> Result<Option<Signal>> {
    match variant {
        // It does not know that there are signals.
        "deaf" => Ok(None),
        // It ends at once, and without an error.
        "exit" => {
            let mut sigterm = Some(signal(SignalKind::terminate())?);
            tokio::spawn(async move {
                came(&mut sigterm).await;
                std::process::exit(0);
            });
            Ok(None)
        }
        // They leave the order that they are at, and come to the end of `main`.
        "leave" | "stored" => Ok(Some(signal(SignalKind::terminate())?)),
        other => bail!("there is no variant `{other}`"),
    }
}

/// Returns when the signal has come.
async fn came(sigterm: &mut Option<Signal>) {
    match sigterm {
        Some(sigterm) => {
            sigterm.recv().await;
        }
        None => pending().await,
    }
}

/// The work on an order. It is done when Kafka has what came of it.
async fn reserve(producer: &FutureProducer, order: &str) -> Result<()> {
    let body = format!("stock.reserved {order}");
    let record = FutureRecord::to("stock").key(order).payload(&body);
    let sent = producer.send(record, Duration::from_secs(5)).await;
    sent.map_err(|(error, _)| error)?;
    Ok(())
}
