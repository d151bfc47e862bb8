//! Judges the orders service by what the stream holds, after a PubAck was lost and another instance had
//! orders of its own, at the first of which NATS stood still.

use std::future::pending;
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::time::Duration;

use brokers::{Broker, Kind};
use grader::nats::Shop;
use grader::{Case, Program, Result};
use tokio::time::timeout;
use wire::nats::{PUB, PUB_ACK};
use wire::{Act, Proxy};

/// How long NATS stands still.
const STILL: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    grader::main(program, grade)
}

async fn grade(case: &Case) -> Result<()> {
    // The stream, and a proxy before its NATS.
    let mut nats = case.private(Kind::Nats).await?;
    let shop = Shop::open(nats.url(), &["order.>"]).await?;
    let wire = case.wire(&nats).await?;

    // The first order does not reach NATS. The first that does, which may be the same one, is stored,
    // and the PubAck does not come back.
    let request = case.fault("the connection breaks, and the first order does not reach NATS");
    if request.on() {
        wire.on(PUB, 1, Act::Cut);
    }
    let answer = case.fault("the connection breaks, and the first PubAck does not come back");
    if answer.on() {
        wire.on(PUB_ACK, 1, Act::Cut);
    }
    let mut last = case.vary(5, 3..=20);
    let mut first = start(case, &nats, &wire, 1..=last).await?;
    first.ended().await;

    // The next instance knows nothing of the first one, and its orders are others. When the first of
    // them is on its way, NATS stands still: all connections are open, and no answer comes.
    let again = case.fault("another instance gets other orders");
    let still = case.fault("NATS stands still for a second while an order is on its way");
    if again.on() {
        let (published, next) = (wire.count(PUB), last + 1);
        last += case.vary(3, 1..=5);
        let held = still.on().then(|| wire.hold(PUB, 1));
        let mut second = start(case, &nats, &wire, next..=last).await?;
        if let Some(mut held) = held
            && second.reaches(held.reached()).await
        {
            // From here on NATS reads nothing and answers nothing.
            nats.pause().await?;
            still.outside(true);
            case.saw("nats", "stands still");
            let answered = wire.count(PUB_ACK);
            held.pass();
            let _ = timeout(STILL, second.reaches(pending::<()>())).await;
            // The order that was on its way is without an answer.
            still.inside(wire.count(PUB_ACK) == answered);
            nats.resume().await?;
            case.saw("nats", "goes on");
        }
        second.ended().await;
        again.outside(first.is_gone());
        again.inside(wire.count(PUB) > published);
    }

    // What counts is what the stream holds now.
    let found = shop.stored("order.created").await?;
    if found.is_empty() && wire.count(PUB) == 0 {
        case.not_attempted("no order is published");
    }
    for (fault, kind) in [(request, PUB), (answer, PUB_ACK)] {
        fault.cut(&wire, kind);
        fault.unanswered(&wire, PUB, PUB_ACK);
    }
    case.each_once("the stream", 1..=last, found);
    Ok(())
}

/// An instance of the service gets these orders.
async fn start(
    case: &Case,
    nats: &Broker,
    wire: &Proxy,
    orders: RangeInclusive<u32>,
) -> Result<Program> {
    let service = case.program("orders").broker(nats, wire.url());
    let mut service = service.start().await?;
    service.give(orders.map(|order| format!("o-{order}"))).await;
    Ok(service)
}
