//! Judges the payments worker by what came of each charge, after one worker was killed at its work, and
//! after a result of the next one was refused.

use std::process::ExitCode;
use std::time::Duration;

use brokers::{Broker, Kind};
use grader::rabbit::{Charges, at_most, quorum, refusals, refused};
use grader::{Case, Fault, Program, Result, number};
use lapin::types::AMQPValue;
use tokio::time::timeout;
use wire::amqp::{CONFIRM, NACK, PUBLISH, REJECT};

/// How long a worker has for the acknowledgement of a charge whose result is on its way.
const MEANWHILE: Duration = Duration::from_secs(2);
/// How long one whose result is refused has to end or to give its charge back, before somebody takes the
/// others.
const ENDING: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    grader::main(program, grade)
}

async fn grade(case: &Case) -> Result<()> {
    // A queue with some charges, another one that has room for all results and more, and a proxy.
    let rabbit = case.broker(Kind::RabbitMq).await?;
    let orders = 1..=case.vary(6, 5..=20);
    let room = 2 * *orders.end();
    let mut charges = Charges::open(case, &rabbit, orders.clone()).await?;
    // A charge may be given back as often as its result is refused.
    let unlimited = ("x-delivery-limit", AMQPValue::LongInt(-1));
    charges
        .shop
        .work_queue(&charges.queue, quorum([unlimited]))
        .await?;
    charges
        .shop
        .work_queue(&charges.results, at_most(room))
        .await?;
    charges.shop.fill(&charges.queue, orders.clone()).await?;

    let nth = case.vary(3, 2..=4);
    let killed = case.fault(&format!(
        "the worker is killed when result {nth} is on its way"
    ));
    if killed.on() {
        killed_at_work(&mut charges, &rabbit, &killed, nth).await?;
    }

    // Another worker goes on. What it publishes first is refused, and it may end with that.
    let full = case.fault("the queue of results is full, and RabbitMQ refuses one");
    if full.on() {
        charges.shop.fill_up(&charges.results, room).await?;
    }
    let mut worker = charges.start(&rabbit).await?;
    let mut ended = false;
    if full.on() {
        is_refused(case, &mut charges, &mut worker, &full, room).await?;
        ended = worker.is_gone();
    }
    let mut over = Ok(());
    let mut is_over = !ended && worker.reaches(async { over = charges.over().await }).await;
    if !is_over && full.on() {
        worker = charges.start(&rabbit).await?;
        is_over = worker.reaches(async { over = charges.over().await }).await;
    }
    match is_over {
        true => worker.kill().await,
        false => worker.ended().await,
    };
    over?;
    charges.take().await?;
    judge(case, charges, orders).await
}

/// A result is on its way. It does not arrive, and whoever sent it is dead. Those before it are taken.
async fn killed_at_work(
    charges: &mut Charges,
    rabbit: &Broker,
    killed: &Fault,
    nth: u32,
) -> Result<()> {
    let wire = charges.wire.clone();
    let mut held = wire.hold(PUBLISH, nth);
    let mut worker = charges.start(rabbit).await?;
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
    charges.take().await
}

/// RabbitMQ refuses a result, since their queue is full. Then somebody takes what is in there.
async fn is_refused(
    case: &Case,
    charges: &mut Charges,
    worker: &mut Program,
    full: &Fault,
    room: u32,
) -> Result<()> {
    let wire = charges.wire.clone();
    let (nacks, rejects) = (wire.count(NACK) + 1, wire.count(REJECT) + 1);
    let said_no = async {
        tokio::select! {
            () = refused(&wire, 1) => {}
            // There is no charge whose result could be refused.
            _ = charges.none_left() => {}
        }
    };
    worker.reaches(said_no).await;
    full.outside(charges.shop.ready(&charges.results).await?.0 >= room);
    full.inside(refusals(&wire) > 0);
    let answers = async {
        tokio::select! {
            () = worker.gone() => {}
            // It gives charges back, and would go on with that for as long as the queue is full.
            _ = wire.seen(NACK, nacks) => {}
            _ = wire.seen(REJECT, rejects) => {}
        }
    };
    let _ = timeout(ENDING, answers).await;
    case.saw("accounting", "takes the results");
    charges.take().await
}

/// Each charge has come to a result, and has left its queue.
async fn judge(case: &Case, charges: Charges, orders: impl IntoIterator<Item = u32>) -> Result<()> {
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
