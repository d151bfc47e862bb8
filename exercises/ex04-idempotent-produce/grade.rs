//! Judges the orders service by what the topic holds, after an answer of Kafka's was lost.

use std::process::ExitCode;

use brokers::Kind;
use grader::{Case, Result, number};
use topics::{NewTopic, Topic, TopicReplication};
use wire::Act;
use wire::kafka::{PRODUCE, PRODUCED};

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
    // answer to it does not come back.
    let request = case.fault("the connection breaks, and the first batch does not reach Kafka");
    if request.on() {
        wire.on(PRODUCE, 1, Act::Cut);
    }
    let answer = case.fault("the connection breaks, and Kafka's first answer does not come back");
    if answer.on() {
        wire.on(PRODUCED, 1, Act::Cut);
    }
    let orders = 1..=case.vary(5, 3..=20);
    let service = case.program("orders").broker(&kafka, wire.url());
    let mut service = service.env("ORDERS_TOPIC", &name).start().await?;
    service
        .give(orders.clone().map(|order| format!("o-{order}")))
        .await;
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
