//! Judges three services by what they pass on of the events of a day.

use std::process::ExitCode;

use anyhow::Context as _;
use brokers::Kind;
use futures_util::StreamExt;
use grader::{Case, Result, number};

/// The events of the day, and which of email, analytics and eu want them. The body of the first one
/// is `o-1`, and so on.
const EVENTS: [(&str, [bool; 3]); 12] = [
    ("order.created", [true, true, false]),
    ("order.shipped", [true, true, false]),
    ("order.created.eu", [false, true, true]),
    ("order.shipped.eu.berlin", [false, true, true]),
    ("order.created.us", [false, true, false]),
    ("payment.processed", [false, false, false]),
    ("payment.failed.eu", [false, false, true]),
    ("order.returned", [true, true, false]),
    ("order.moved.us.eu", [false, true, false]),
    ("orders.created", [false, false, false]),
    ("order.shipped.eu.berlin.mitte", [false, true, true]),
    ("stock.reserved.eu", [false, false, true]),
];

fn main() -> ExitCode {
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    grader::main(program, grade)
}

async fn grade(case: &Case) -> Result<()> {
    let nats = case.private(Kind::Nats).await?;
    let shop = async_nats::connect(nats.url()).await;
    let shop = shop.context("cannot connect to NATS")?;
    // What follows in this order on one connection of the program comes in this order on this one.
    let mut asked = shop.subscribe("shop.*").await?;
    let mut results = shop.subscribe("got.*").await?;
    let mut ready = shop.subscribe("ready").await?;
    shop.publish("ready", "".into()).await?;
    ready.next().await.context("NATS has gone")?;

    let wire = case.wire(&nats).await?;
    let services = case.program("services").broker(&nats, wire.url());
    let mut services = services.start().await?;
    let day = async {
        while let Some(request) = asked.next().await {
            let answer = request.reply.context("the program asks for no answer")?;
            if request.subject.as_str() == "shop.end" {
                // All results came before this request, and wait in `results`.
                shop.publish(answer, "".into()).await?;
                break;
            }
            for (at, (subject, _)) in EVENTS.iter().enumerate() {
                let body = format!("o-{}", at + 1);
                shop.publish(*subject, body.into()).await?;
            }
            shop.publish(answer, "".into()).await?;
        }
        Ok::<(), anyhow::Error>(())
    };
    services.reaches(day).await;
    services.ended().await;

    results.unsubscribe().await?;
    let mut got = Vec::new();
    while let Some(result) = results.next().await {
        let order = number(&String::from_utf8_lossy(&result.payload));
        got.extend(order.map(|order| (result.subject.to_string(), order)));
    }
    for (place, service) in ["email", "analytics", "eu"].iter().enumerate() {
        for ((subject, wanted), order) in EVENTS.iter().zip(1..) {
            let result = (format!("got.{service}"), order);
            let times = got.iter().filter(|it| **it == result).count();
            match (wanted[place], times) {
                (true, 1) | (false, 0) => {}
                (true, 0) => {
                    let why =
                        format!("{service} did not get o-{order} ({subject}), which it wants");
                    case.refuse("lost-message", why);
                }
                (true, _) => {
                    let why = format!("{service} got o-{order} ({subject}) {times} times");
                    case.refuse("duplicate", why);
                }
                (false, _) => {
                    let why =
                        format!("{service} got o-{order} ({subject}), which it does not want");
                    case.refuse("phantom", why);
                }
            }
        }
    }
    Ok(())
}
