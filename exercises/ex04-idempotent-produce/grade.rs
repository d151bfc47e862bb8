//! Judges the orders service by what the topic holds, after an answer of Kafka's was lost.

use std::future::pending;
use std::process::ExitCode;
use std::time::Duration;

use brokers::Kind;
use grader::{Case, Program, Result, number};
use tokio::time::timeout;
use topics::{NewTopic, Topic, TopicReplication};
use wire::kafka::{PRODUCE, PRODUCED};
use wire::{Act, Held, Proxy, Way};

/// How long Kafka is out of reach. A client that has 5 s for a record, as in many examples, has given it
/// up by then: it looks once a second for records whose time is over.
const AWAY: Duration = Duration::from_millis(6500);

fn main() -> ExitCode {
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    grader::main(program, grade)
}

async fn grade(case: &Case) -> Result<()> {
    // A topic of one partition, and a proxy before its Kafka.
    let kafka = case.broker(Kind::Kafka).await?;
    let name = kafka.name("orders");
    let shape = NewTopic::new(&name, 1, TopicReplication::Fixed(-1));
    let topic = Topic::create(kafka.url(), shape).await?;
    case.finally(topic.clone().delete());
    topic.ready().await?;
    let wire = case.wire(&kafka).await?;

    // The first batch does not reach Kafka. The second one, which may be the same again, does, and the
    // answer to it does not come back; nor does any other for some seconds.
    let request = case.fault("the connection breaks, and the first batch does not reach Kafka");
    if request.on() {
        wire.on(PRODUCE, 1, Act::Cut);
    }
    let answer = case.fault("Kafka's first answer does not come back, and Kafka is out of reach");
    let held = answer.on().then(|| wire.hold(PRODUCED, 1));
    let orders = 1..=case.vary(5, 3..=20);
    let service = case.program("orders").broker(&kafka, wire.url());
    let mut service = service.env("ORDERS_TOPIC", &name).start().await?;
    service
        .give(orders.clone().map(|order| format!("o-{order}")))
        .await;
    if let Some(held) = held {
        break_off(case, &wire, &mut service, held).await;
    }
    service.ended().await;

    // What counts is what the topic holds now.
    let records = topic.records().await?;
    if records.is_empty() {
        case.not_attempted("the topic is empty");
    }
    request.cut(&wire, PRODUCE);
    answer.cut(&wire, PRODUCED);
    let mut found = Vec::new();
    for record in records {
        let at = format!("offset {}", record.offset);
        match number(&record.key) {
            Some(order) if record.value == format!("order.created o-{order}") => {
                found.push((order, at));
            }
            _ => case.refuse(
                "phantom",
                format!(
                    "{at} has the key `{}` and the value `{}`",
                    record.key, record.value
                ),
            ),
        }
    }
    case.each_once("the topic", orders, found);
    Ok(())
}

/// When this answer is on its way, the connection breaks, and new ones lead nowhere for long.
async fn break_off(case: &Case, wire: &Proxy, service: &mut Program, mut held: Held) {
    if !service.reaches(held.reached()).await {
        return;
    }
    // The client gets its connections: after one that was refused it would wait ever longer.
    wire.partition(Way::ToBroker);
    held.cut();
    case.saw("kafka", "is out of reach");
    // Where the service ends before, nobody is left to wait for.
    let _ = timeout(AWAY, service.reaches(pending::<()>())).await;
    wire.heal();
    case.saw("kafka", "can be reached again");
}
