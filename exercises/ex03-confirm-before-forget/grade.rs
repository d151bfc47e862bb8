//! Judges the orders service by what came into the queue, after RabbitMQ was killed while it published,
//! and after the queue was full.

use std::process::ExitCode;
use std::time::Duration;

use brokers::Kind;
use grader::rabbit::{Shop, at_most, refusals, refused};
use grader::{Case, Result};
use lapin::types::FieldTable;
use tokio::time::timeout;
use wire::amqp::{CONFIRM, PUBLISH};

const QUEUE: &str = "inventory.order.created";
/// How long the service may run where RabbitMQ is killed: that may take 90 s to come back, and the
/// service has the 60 s of any other besides.
const WITH_RESTART: Duration = Duration::from_secs(150);
/// How often somebody takes what is in the queue, once that has been full.
const TAKING: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    grader::main(program, grade)
}

async fn grade(case: &Case) -> Result<()> {
    // A durable queue for what the service publishes, and a proxy.
    let mut rabbit = case.private(Kind::RabbitMq).await?;
    let orders = 1..=case.vary(6, 5..=20);
    let nth = case.vary(4, 2..=4);
    let full = case.fault(&format!(
        "the queue has room for {nth} messages, until RabbitMQ has refused one"
    ));
    let limit = match full.on() {
        true => at_most(nth),
        false => FieldTable::default(),
    };
    let shop = Shop::open(rabbit.url()).await?;
    shop.queue(QUEUE, "order.created", limit).await?;
    shop.close().await?;
    let wire = case.wire(&rabbit).await?;

    // An order is on its way. It does not arrive: RabbitMQ is dead, and comes back later.
    let killed = case.fault(&format!(
        "RabbitMQ is killed when message {nth} is on its way to it"
    ));
    let held = killed.on().then(|| wire.hold(PUBLISH, nth));
    let mut service = case.program("orders").broker(&rabbit, wire.url());
    if killed.on() {
        service = service.limit(WITH_RESTART);
    }
    let mut service = service.start().await?;
    service
        .give(orders.clone().map(|order| format!("o-{order}")))
        .await;
    let mut comes = true;
    if let Some(mut held) = held {
        comes = service.reaches(held.reached()).await;
        if comes {
            rabbit.kill().await?;
            case.saw("rabbit", "is killed");
            killed.outside(rabbit.pid().is_none());
            killed.unanswered(&wire, PUBLISH, CONFIRM);
            held.discard();
            rabbit.restart().await?;
            case.saw("rabbit", "is back, with what it has on disk");
        }
    }

    // A refused order is nowhere. There is room for it again when somebody takes what is there.
    let shop = Shop::open(rabbit.url()).await?;
    let mut found = Vec::new();
    if full.on() && comes && service.reaches(refused(&wire, 1)).await {
        full.outside(shop.ready(QUEUE).await?.0 >= nth);
        full.inside(refusals(&wire) > 0);
        case.saw("rabbit", "refuses a message: the queue is full");
        case.saw("inventory", "takes what is in the queue, and what comes");
        while timeout(TAKING, service.ended()).await.is_err() {
            found.extend(shop.take(QUEUE).await?);
        }
    } else {
        service.ended().await;
    }
    found.extend(shop.take(QUEUE).await?);
    shop.close().await?;
    if found.is_empty() && wire.count(PUBLISH) == 0 {
        case.not_attempted("nothing is published");
    }
    case.each_at_least_once("the queue", orders, found);
    Ok(())
}
