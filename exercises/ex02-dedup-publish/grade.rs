//! Judges the orders service by what the stream holds, after a PubAck was lost.

use std::process::ExitCode;

use brokers::Kind;
use grader::nats::Shop;
use grader::{Case, Result};
use wire::Act;
use wire::nats::{PUB, PUB_ACK};

fn main() -> ExitCode {
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    grader::main(program, grade)
}

async fn grade(case: &Case) -> Result<()> {
    // The stream, and a proxy before its NATS.
    let nats = case.private(Kind::Nats).await?;
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
    let orders = 1..=case.vary(5, 3..=20);
    let service = case.program("orders").broker(&nats, wire.url());
    let mut service = service.start().await?;
    service
        .give(orders.clone().map(|order| format!("o-{order}")))
        .await;
    service.ended().await;

    // What counts is what the stream holds now.
    let found = shop.stored("order.created").await?;
    if found.is_empty() && wire.count(PUB) == 0 {
        case.not_attempted("no order is published");
    }
    for (fault, kind) in [(request, PUB), (answer, PUB_ACK)] {
        fault.cut(&wire, kind);
        fault.unanswered(&wire, PUB, PUB_ACK);
    }
    case.each_once("the stream", orders, found);
    Ok(())
}
