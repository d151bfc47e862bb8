//! Judges the inventory service by what came of each order, after one instance was killed at its work.

use std::process::ExitCode;
use std::time::Duration;

use brokers::{Broker, Kind};
use grader::{Case, Program, Result};
use topics::Shop;
use wire::Proxy;
use wire::kafka::{OFFSET_COMMITTED, PRODUCE, PRODUCED};

/// How long a result is on its way before the kill. A client that commits by itself at longer intervals
/// is too late in the second instance: that one has its last result after 2 s, and 9 s from then on.
const LONG: Duration = Duration::from_secs(11);

fn main() -> ExitCode {
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    grader::main(program, grade)
}

async fn grade(case: &Case) -> Result<()> {
    // Some orders are there when the service starts, and the others come later.
    let kafka = case.private(Kind::Kafka).await?;
    let shop = Shop::open(kafka.url()).await?;
    let wire = case.wire(&kafka).await?;
    let early = case.vary(3, 1..=6);
    let all = early + case.vary(4, 2..=12);
    shop.order(1..=early).await?;
    let mut service = start(case, &kafka, &wire).await?;
    if !reaches(&mut service, shop.worked(1..=early)).await? {
        service.ended().await;
    }
    if shop.reserved().await?.is_empty() {
        case.not_attempted("no order is reserved");
    }

    // A result is on its way. It does not arrive, and whoever sent it is dead.
    let killed = case.fault("the service is killed when a result is on its way");
    if killed.on() {
        let mut held = wire.hold(PRODUCE, 1);
        let committed = wire.count(OFFSET_COMMITTED);
        shop.order(early + 1..=all).await?;
        if service.reaches(held.reached()).await {
            // If it commits meanwhile, what it wants is done.
            let commits = wire.seen(OFFSET_COMMITTED, committed + 1);
            let _ = tokio::time::timeout(LONG, commits).await;
            service.kill().await;
            killed.outside(service.is_gone());
            killed.unanswered(&wire, PRODUCE, PRODUCED);
            held.discard();
        }
        // Another instance goes on.
        service = start(case, &kafka, &wire).await?;
    } else {
        shop.order(early + 1..=all).await?;
    }
    let done = async {
        shop.worked(1..=all).await?;
        shop.committed().await
    };
    match reaches(&mut service, done).await? {
        true => service.kill().await,
        false => service.ended().await,
    };

    let left = shop.left().await?;
    if left > 0 {
        case.refuse("uncommitted", format!("{left} orders are not committed"));
    }
    case.each_at_least_once("what is reserved", 1..=all, shop.reserved().await?);
    Ok(())
}

async fn start(case: &Case, kafka: &Broker, wire: &Proxy) -> Result<Program> {
    let service = case.program("inventory").broker(kafka, wire.url());
    service.start().await
}

/// Waits for it, unless the service ends before.
async fn reaches(service: &mut Program, what: impl Future<Output = Result<()>>) -> Result<bool> {
    let mut met = Ok(());
    let reached = service.reaches(async { met = what.await }).await;
    met.map(|()| reached)
}
