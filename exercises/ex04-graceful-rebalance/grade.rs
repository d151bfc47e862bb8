//! Judges the inventory service by what came of each order, after one instance was asked to end at its
//! work.

use std::process::ExitCode;

use brokers::{Broker, Kind};
use grader::{Case, Program, Result};
use topics::Shop;
use wire::Proxy;
use wire::kafka::{PRODUCE, PRODUCED};

fn main() -> ExitCode {
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    grader::main(program, grade)
}

async fn grade(case: &Case) -> Result<()> {
    // Some orders are there when the service starts, others come later, and one comes at the end.
    let kafka = case.private(Kind::Kafka).await?;
    let shop = Shop::open(kafka.url()).await?;
    let wire = case.wire(&kafka).await?;
    let early = case.vary(3, 1..=6);
    let last = early + case.vary(4, 2..=12);
    shop.order(1..=early).await?;
    let mut service = start(case, &kafka, &wire).await?;
    reaches(&mut service, shop.worked(1..=early)).await?;

    // It is asked to end while the result of the next order is on its way.
    let asked = case.fault("the service is asked to end while a result is on its way");
    if asked.on() {
        let mut held = wire.hold(PRODUCE, 1);
        shop.order(early + 1..=last - 1).await?;
        if service.reaches(held.reached()).await {
            asked.unanswered(&wire, PRODUCE, PRODUCED);
            service.terminate().await;
            held.discard();
            asked.outside(service.is_gone());
        }
        // Another instance goes on.
        service = start(case, &kafka, &wire).await?;
    } else {
        shop.order(early + 1..=last - 1).await?;
    }
    // There is one partition, and the service takes one order after the other: what has no result
    // when the last order has one gets none any more. What the group has committed does not tell:
    // the service commits once a minute.
    shop.order(last..=last).await?;
    match reaches(&mut service, shop.worked(last..=last)).await? {
        true => service.kill().await,
        false => service.ended().await,
    };
    case.each_once("what is reserved", 1..=last, shop.reserved().await?);
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
