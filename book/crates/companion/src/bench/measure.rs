//! Starts brokers, again and again, with a watch in hand.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use brokers::{Broker, Kind, Options, Source};
use futures_util::future::try_join_all;

use super::table::Row;
use crate::warm::keeper::{Claim, Keeper};

/// What RabbitMQ and Kafka share between runs when they are warm; a NATS server is
/// never shared.
const SHARED: [Kind; 2] = [Kind::RabbitMq, Kind::Kafka];

/// All rows of the table.
pub async fn brokers(runs: u32, containers: bool) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for kind in Kind::ALL {
        time(kind, native()).await?.1.stop().await?;
        rows.push(alone(kind, native(), "alone", runs).await?);
        if containers {
            rows.push(in_container(kind, runs).await?);
        }
    }
    rows.extend(at_once(runs).await?);
    rows.extend(warm(runs).await?);
    Ok(rows)
}

/// A process of this program's own, whatever else there is.
pub fn native() -> Options {
    Options {
        source: Some(Source::Native),
        private: true,
        ..Options::default()
    }
}

/// A container of this program's own.
fn container() -> Options {
    Options {
        source: Some(Source::Container),
        private: true,
        ..Options::default()
    }
}

/// A row without times where there is no Docker, or no image; the reason goes to standard error.
async fn in_container(kind: Kind, runs: u32) -> Result<Row> {
    match time(kind, container()).await {
        Ok((_, broker)) => {
            broker.stop().await?;
            alone(kind, container(), "alone", runs).await
        }
        Err(error) => {
            eprintln!("{error:#}");
            Ok(Row {
                what: kind.to_string(),
                how: "container, cannot be had".to_owned(),
                times: Vec::new(),
            })
        }
    }
}

/// One start, and how long it took until the broker was ready.
async fn time(kind: Kind, options: Options) -> Result<(Duration, Broker)> {
    let begun = Instant::now();
    let broker = brokers::start(kind, options).await?;
    Ok((begun.elapsed(), broker))
}

async fn alone(kind: Kind, options: Options, how: &str, runs: u32) -> Result<Row> {
    let (mut times, mut version) = (Vec::new(), String::new());
    for _ in 0..runs {
        let (took, broker) = time(kind, options).await?;
        times.push(took);
        version = broker.version().to_owned();
        broker.stop().await?;
    }
    let source = options
        .source
        .map_or_else(String::new, |source| source.to_string());
    Ok(Row {
        what: format!("{kind} {version}"),
        how: format!("{source}, {how}"),
        times,
    })
}

/// The three started side by side: each, and the last of them.
async fn at_once(runs: u32) -> Result<Vec<Row>> {
    let row = |what: String| Row {
        what,
        how: "native, all at once".to_owned(),
        times: Vec::new(),
    };
    let mut rows: Vec<Row> = Kind::ALL.iter().map(|kind| row(kind.to_string())).collect();
    let mut all = row("all three".to_owned());
    for _ in 0..runs {
        let begun = Instant::now();
        let started = try_join_all(Kind::ALL.map(|kind| time(kind, native()))).await?;
        all.times.push(begun.elapsed());
        for (row, (took, broker)) in rows.iter_mut().zip(started) {
            row.times.push(took);
            row.what = format!("{} {}", broker.kind(), broker.version());
            broker.stop().await?;
        }
    }
    rows.push(all);
    Ok(rows)
}

/// The handshake with brokers that are warm.
async fn warm(runs: u32) -> Result<Vec<Row>> {
    with_warm(async {
        let mut rows = Vec::new();
        for kind in SHARED {
            let options = Options {
                source: Some(Source::Warm),
                ..Options::default()
            };
            rows.push(alone(kind, options, "handshake", runs).await?);
        }
        Ok(rows)
    })
    .await
}

/// Measures while brokers are warm: those of a `cargo book up`, or ones that are kept for this.
pub async fn with_warm<T>(measuring: impl Future<Output = Result<T>>) -> Result<T> {
    let mut keeper = match Claim::take()? {
        Ok(claim) => {
            let wanted = SHARED.map(|kind| (kind, None));
            Some(Keeper::start(claim, &wanted, |_, _| Ok(())).await?)
        }
        Err(_) => None,
    };
    let tending = async {
        match &mut keeper {
            Some(keeper) => keeper.tend().await,
            None => std::future::pending().await,
        }
    };
    let measured = tokio::select! {
        measured = measuring => measured,
        () = tending => bail!("nobody keeps the brokers any more"),
    };
    if let Some(keeper) = keeper {
        keeper.stop().await?;
    }
    measured
}
