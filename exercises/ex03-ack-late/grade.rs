//! Judges the payments worker by what came of each charge, after one worker was killed at its work.

use std::process::ExitCode;
use std::time::Duration;

use brokers::Kind;
use grader::rabbit::{Charges, quorum};
use grader::{Case, Result, number};
use tokio::time::timeout;
use wire::amqp::{CONFIRM, PUBLISH};

/// How long a worker has for the acknowledgement of a charge whose result is on its way.
const MEANWHILE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    grader::main(program, grade)
}

async fn grade(case: &Case) -> Result<()> {
    // A queue with some charges, another one for the results, and a proxy.
    let rabbit = case.broker(Kind::RabbitMq).await?;
    let orders = 1..=case.vary(6, 5..=20);
    let mut charges = Charges::open(case, &rabbit, orders.clone()).await?;
    for queue in [&charges.queue, &charges.results] {
        charges.shop.work_queue(queue, quorum([])).await?;
    }
    charges.shop.fill(&charges.queue, orders.clone()).await?;
    let wire = charges.wire.clone();

    // A result is on its way. It does not arrive, and whoever sent it is dead.
    let nth = case.vary(3, 2..=4);
    let killed = case.fault(&format!(
        "the worker is killed when result {nth} is on its way"
    ));
    let mut worker;
    if killed.on() {
        let mut held = wire.hold(PUBLISH, nth);
        worker = charges.start(&rabbit).await?;
        let mut result = None;
        let reached = async {
            result = tokio::select! {
                frame = held.reached() => frame.ok(),
                // Or it has said that it is done with everything, and does nothing more.
                _ = charges.over() => None,
            }
        };
        worker.reaches(reached).await;
        let body = result.and_then(|frame| frame.amqp().map(|it| it.payload.clone()));
        if let Some(order) = body.and_then(|body| number(&String::from_utf8_lossy(&body))) {
            // If it says meanwhile that it is done with this one, it has what it wants.
            let _ = timeout(MEANWHILE, charges.settled(order)).await;
            charges.kill(&mut worker, held).await?;
            killed.outside(worker.is_gone());
            killed.unanswered(&wire, PUBLISH, CONFIRM);
        } else if !worker.is_gone() {
            worker.kill().await;
        }
    }
    // Another worker goes on.
    worker = charges.start(&rabbit).await?;
    let mut over = Ok(());
    match worker.reaches(async { over = charges.over().await }).await {
        true => worker.kill().await,
        false => worker.ended().await,
    };
    over?;
    charges.take().await?;

    if charges.processed.is_empty() {
        case.not_attempted("no charge is processed");
    }
    for order in charges.left().await? {
        case.refuse(
            "unacknowledged",
            format!("the charge of o-{order} is not acknowledged: it is in the queue again"),
        );
    }
    case.each_at_least_once("what is processed", orders, charges.processed);
    charges.shop.close().await
}
