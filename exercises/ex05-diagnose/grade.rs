//! Has each of the services run as it ran in production, and names what is wrong with what it did on
//! the wire.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use brokers::{Broker, Kind};
use grader::{Case, Program, Result, nats, rabbit};
use history::{AnomalyName, Expect};
use topics::{NewTopic, Topic, TopicReplication};
use wire::amqp::{self, DELIVER};
use wire::kafka::PRODUCED;
use wire::nats::{ACK, CONNECT, PUB, PUB_ACK};
use wire::{Act, Proxy};

/// How many mails the email service may have in hand at once.
const MAILS: usize = 4;
/// How many connections accounting may have at once.
const CONNECTIONS: usize = 2;

fn main() -> ExitCode {
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    grader::main(program, grade)
}

async fn grade(case: &Case) -> Result<()> {
    match case.variant().context("name a run")? {
        "payments" => worker(case, "payments", "payment.charge", "payment.processed").await,
        "inventory" => worker(case, "inventory", "order.created", "stock.reserved").await,
        "accounting" => accounting(case).await,
        "email" => email(case).await,
        "orders" => orders(case).await,
        other => bail!("there is no run {other}"),
    }
}

/// A worker is killed when a result of its work is on its way, and another one goes on.
async fn worker(case: &Case, lane: &str, from: &str, to: &str) -> Result<()> {
    let nats = case.private(Kind::Nats).await?;
    let shop = nats::Shop::open(nats.url(), &[from, to]).await?;
    let mut consumer = shop.consumer(lane, from).await?;
    shop.publish(from, 1..=4).await?;
    let wire = case.wire(&nats).await?;
    let killed = case.fault("the worker is killed when the result for o-3 is on its way");
    if killed.on() {
        let mut held = wire.hold(PUB, 3);
        let mut worker = start(case, lane, &nats, &wire).await?;
        if worker.reaches(held.reached()).await {
            worker.kill().await;
            killed.outside(worker.is_gone());
            killed.unanswered(&wire, PUB, PUB_ACK);
            held.discard();
        }
    }
    let mut worker = start(case, lane, &nats, &wire).await?;
    let worked = shop.worked(&mut consumer, to, 1..=4);
    match worker.reaches(worked).await {
        true => worker.kill().await,
        false => worker.ended().await,
    };
    wire.closed().await?;
    case.check(&case.history(&wire, Expect::at_least_once()));
    Ok(())
}

async fn start(case: &Case, lane: &str, broker: &Broker, wire: &Arc<Proxy>) -> Result<Program> {
    let program = case.program(lane).broker(broker, wire.url());
    program.start().await
}

/// Everything goes well, and payments come one after the other.
async fn accounting(case: &Case) -> Result<()> {
    let nats = case.private(Kind::Nats).await?;
    let shop = nats::Shop::open(nats.url(), &["payment.processed"]).await?;
    shop.consumer("accounting", "payment.processed").await?;
    shop.publish("payment.processed", 1..=4).await?;
    let wire = case.wire(&nats).await?;
    let mut accounting = start(case, "accounting", &nats, &wire).await?;
    let all = async { wire.seen(ACK, 4).await.and(wire.seen(CONNECT, 5).await) };
    if !accounting.reaches(all).await {
        accounting.ended().await;
        return Ok(());
    }
    accounting.kill().await;
    wire.closed().await?;
    // What it books, it has in its own books.
    let expect = Expect::at_least_once().allow([AnomalyName::AckBeforeWork]);
    case.check(&case.history(&wire, expect.connections(CONNECTIONS)));
    Ok(())
}

/// Orders wait when the service starts, and the mail server is slow.
async fn email(case: &Case) -> Result<()> {
    const QUEUE: &str = "email.order.created";
    let rabbit = case.broker(Kind::RabbitMq).await?;
    let shop = rabbit::Shop::open(rabbit.url()).await?;
    shop.queue(QUEUE, "order.created", Default::default())
        .await?;
    shop.publish("order.created", 1..=12).await?;
    shop.close().await?;
    let wire = case.wire(&rabbit).await?;
    let mut email = start(case, "email", &rabbit, &wire).await?;
    let all_delivered = wire.seen(DELIVER, 12);
    email.reaches(all_delivered).await;
    for mail in 1..=12 {
        email.say("sent").await;
        email.reaches(wire.seen(amqp::ACK, mail)).await;
    }
    email.kill().await;
    wire.closed().await?;
    // That a mail is sent, no frame tells.
    let expect = Expect::at_least_once().allow([AnomalyName::AckBeforeWork]);
    case.check(&case.history(&wire, expect.in_flight(MAILS)));
    Ok(())
}

/// The connection breaks before the answer to o-3 comes back.
async fn orders(case: &Case) -> Result<()> {
    let kafka = case.broker(Kind::Kafka).await?;
    let name = kafka.name("orders");
    let shape = NewTopic::new(&name, 1, TopicReplication::Fixed(-1));
    let topic = Topic::create(kafka.url(), shape).await?;
    case.finally(topic.clone().delete());
    topic.ready().await?;
    let wire = case.wire(&kafka).await?;
    let cut = case.fault("the connection breaks, and the answer to o-3 does not come back");
    if cut.on() {
        wire.on(PRODUCED, 3, Act::Cut);
    }
    let orders = case.program("orders").broker(&kafka, wire.url());
    let mut orders = orders.env("ORDERS_TOPIC", &name).start().await?;
    orders.give((1..=4).map(|order| format!("o-{order}"))).await;
    orders.ended().await;
    wire.closed().await?;
    cut.cut(&wire, PRODUCED);
    case.check(&case.history(&wire, Expect::exactly_once()));
    Ok(())
}
