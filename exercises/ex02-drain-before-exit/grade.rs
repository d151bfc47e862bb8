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
    let publisher = case.program("orders").broker(&nats, nats.url());
    let mut publisher = publisher.start().await?;
    publisher
        .give(orders.clone().map(|order| format!("o-{order}")))
        .await;
    let mut found = Vec::new();
    let all = async {
        while found.len() < orders.clone().count() {
            let Some(event) = events.next().await else {
                return;
            };
            let place = format!("place {}", found.len() + 1);
            found.extend(number(&String::from_utf8_lossy(&event.payload)).map(|it| (it, place)));
        }
    };
    publisher.reaches(all).await;
    publisher.ended().await;
    case.each_once("what email has", orders, found);
    Ok(())
}
