//! Judges a publisher by what its subscriber has got when it has ended.

use std::process::ExitCode;

use anyhow::Context as _;
use brokers::Kind;
use futures_util::StreamExt;
use grader::{Case, Result, number};

fn main() -> ExitCode {
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    grader::main(program, grade)
}

async fn grade(case: &Case) -> Result<()> {
    // Email, which is subscribed before the publisher starts: the server has answered.
    let nats = case.private(Kind::Nats).await?;
    let email = async_nats::connect(nats.url()).await;
    let email = email.context("cannot connect to NATS")?;
    let mut events = email.subscribe("order.created").await?;
    let mut ready = email.subscribe("email.ready").await?;
    email.publish("email.ready", "".into()).await?;
    ready.next().await.context("NATS has gone")?;

    let orders = 1..=case.vary(5, 3..=20);
    let wire = case.wire(&nats).await?;
    let publisher = case.program("orders").broker(&nats, wire.url());
    let mut publisher = publisher.start().await?;
    publisher
        .give(orders.clone().map(|order| format!("o-{order}")))
        .await;
    publisher.ended().await;
    // NATS ends the connection when it has read all that came on it.
    wire.closed().await?;
    // What it had for email by then comes to email before this.
    email.publish("email.ready", "".into()).await?;
    ready.next().await.context("NATS has gone")?;
    events.unsubscribe().await?;
    let mut found = Vec::new();
    while let Some(event) = events.next().await {
        let place = format!("place {}", found.len() + 1);
        found.extend(number(&String::from_utf8_lossy(&event.payload)).map(|it| (it, place)));
    }
    case.each_once("what email has", orders, found);
    Ok(())
}
