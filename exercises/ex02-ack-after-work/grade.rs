//! Judges the payments worker by what came of each charge, after one worker was killed at its work.

use std::process::ExitCode;

use brokers::{Broker, Kind};
use grader::nats::{self, Shop};
use grader::{Case, Program, Result};
use wire::Proxy;
use wire::nats::{PUB, PUB_ACK};

fn main() -> ExitCode {
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    grader::main(program, grade)
}

async fn grade(case: &Case) -> Result<()> {
    // A stream with some charges, the consumer that the worker takes them from, and a proxy.
    let nats = case.private(Kind::Nats).await?;
    let shop = Shop::open(nats.url(), &["payment.>"]).await?;
    let mut payments = shop.consumer("payments", "payment.charge").await?;
    let orders = 1..=case.vary(6, 4..=20);
    shop.publish("payment.charge", orders.clone()).await?;
    let wire = case.wire(&nats).await?;

    // The result of a charge is on its way. It does not arrive, and whoever sent it is dead.
    let nth = case.vary(3, 1..=4);
    let killed = case.fault(&format!(
        "the worker is killed when result {nth} is on its way"
    ));
    let mut worker;
    if killed.on() {
        let mut held = wire.hold(PUB, nth);
        worker = start(case, &nats, &wire).await?;
        if worker.reaches(held.reached()).await {
            worker.kill().await;
            killed.outside(worker.is_gone());
            killed.unanswered(&wire, PUB, PUB_ACK);
            held.discard();
        }
    }
    // Another worker goes on.
    worker = start(case, &nats, &wire).await?;
    let worked = shop.worked(&mut payments, "payment.processed", orders.clone());
    match worker.reaches(worked).await {
        true => worker.kill().await,
        false => worker.ended().await,
    };

    let found = shop.stored("payment.processed").await?;
    if found.is_empty() {
        case.not_attempted("no charge is processed");
    }
    let left = nats::left(&mut payments).await?;
    if left > 0 {
        case.refuse(
            "unacknowledged",
            format!("{left} charges are not acknowledged"),
        );
    }
    case.each_at_least_once("what is processed", orders, found);
    Ok(())
}

async fn start(case: &Case, nats: &Broker, wire: &Proxy) -> Result<Program> {
    let worker = case.program("payments").broker(nats, wire.url());
    worker.start().await
}
