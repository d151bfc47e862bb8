//! Judges the orders service by what the queue holds, after RabbitMQ was killed while it published.

use std::process::ExitCode;

use brokers::Kind;
use grader::rabbit::Shop;
use grader::{Case, Result};
use wire::amqp::{CONFIRM, PUBLISH};

const QUEUE: &str = "inventory.order.created";

fn main() -> ExitCode {
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    grader::main(program, grade)
}

async fn grade(case: &Case) -> Result<()> {
    // A durable queue for what the service publishes, and a proxy.
    let mut rabbit = case.private(Kind::RabbitMq).await?;
    let shop = Shop::open(rabbit.url()).await?;
    shop.queue(QUEUE, "order.created", Default::default())
        .await?;
    shop.close().await?;
    let wire = case.wire(&rabbit).await?;

    // An order is on its way. It does not arrive: RabbitMQ is dead, and comes back later.
    let orders = 1..=case.vary(6, 5..=20);
    let nth = case.vary(4, 2..=5);
    let killed = case.fault(&format!(
        "RabbitMQ is killed when message {nth} is on its way to it"
    ));
    let held = killed.on().then(|| wire.hold(PUBLISH, nth));
    let service = case.program("orders").broker(&rabbit, wire.url());
    let mut service = service.start().await?;
    service
        .give(orders.clone().map(|order| format!("o-{order}")))
        .await;
    if let Some(mut held) = held
        && service.reaches(held.reached()).await
    {
        rabbit.kill().await?;
        case.saw("rabbit", "is killed");
        killed.outside(rabbit.pid().is_none());
        killed.unanswered(&wire, PUBLISH, CONFIRM);
        held.discard();
        rabbit.restart().await?;
        case.saw("rabbit", "is back, with what it has on disk");
    }
    service.ended().await;

    let shop = Shop::open(rabbit.url()).await?;
    let found = shop.take(QUEUE).await?;
    shop.close().await?;
    if found.is_empty() && wire.count(PUBLISH) == 0 {
        case.not_attempted("nothing is published");
    }
    case.each_at_least_once("the queue", orders, found);
    Ok(())
}
