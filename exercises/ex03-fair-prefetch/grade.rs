//! Judges a payments worker by how much it held, and by what came of each charge after its end.

use std::process::ExitCode;
use std::time::Duration;

use brokers::Kind;
use grader::rabbit::{Charges, quorum};
use grader::{Case, Result};
use history::{AnomalyName, Expect};
use wire::amqp::{CONFIRM, DELIVER, PUBLISH};

/// How many charges a worker may hold.
const ALLOWED: usize = 10;
/// How often the queue is looked at.
const LOOK: Duration = Duration::from_millis(30);

fn main() -> ExitCode {
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    grader::main(program, grade)
}

async fn grade(case: &Case) -> Result<()> {
    // A queue with many charges, another one for the results, and a proxy.
    let rabbit = case.broker(Kind::RabbitMq).await?;
    rabbit.require("4.3.0")?;
    let last = case.vary(40, 25..=60);
    let mut charges = Charges::open(case, &rabbit, 1..=last).await?;
    for queue in [&charges.queue, &charges.results] {
        charges.shop.work_queue(queue, quorum([])).await?;
    }
    charges.shop.fill(&charges.queue, 1..=last).await?;
    let wire = charges.wire.clone();

    // The first result is on its way. RabbitMQ gives the worker what it gives.
    let killed = case.fault("the worker is killed when its first result is on its way");
    let mut held = wire.hold(PUBLISH, 1);
    let mut worker = charges.start(&rabbit).await?;
    let mut given = Ok(());
    let taken = async {
        let _ = held.reached().await;
        given = all_given(&charges, last).await;
    };
    if worker.reaches(taken).await {
        case.saw("payments", &format!("has {} charges", wire.count(DELIVER)));
        if killed.on() {
            charges.kill(&mut worker, held).await?;
            killed.outside(worker.is_gone());
            killed.unanswered(&wire, PUBLISH, CONFIRM);
            worker = charges.start(&rabbit).await?;
        } else {
            held.pass();
        }
    }
    given?;
    let mut over = Ok(());
    match worker.reaches(async { over = charges.over().await }).await {
        true => worker.kill().await,
        false => worker.ended().await,
    };
    over?;

    charges.take().await?;

    case.each_at_least_once("what is processed", 1..=last, charges.processed);
    // How much a worker holds is all that this looks for.
    let others = AnomalyName::ALL.into_iter();
    let others = others.filter(|name| *name != AnomalyName::UnboundedInFlight);
    let expect = Expect::default().allow(others).in_flight(ALLOWED);
    case.check(&case.history(&wire, expect));
    charges.shop.close().await
}

/// Returns once RabbitMQ has given the worker all that it gives: what is not ready is delivered.
async fn all_given(charges: &Charges, last: u32) -> Result<()> {
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        let delivered = charges.wire.count(DELIVER);
        let (ready, _) = charges.shop.ready(&charges.queue).await?;
        if delivered + u64::from(ready) == u64::from(last) {
            return Ok(());
        }
    }
}
