//! Judges the payments worker by where each charge has come to: the results or the dead letters.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::Duration;

use brokers::Kind;
use grader::rabbit::{Charges, DeadLetter, quorum};
use grader::{Case, Result};
use history::Expect;
use lapin::types::AMQPValue;
use wire::Proxy;
use wire::amqp::{CONFIRM, DELIVER, PUBLISH, RETURN};

/// So many deliveries of a worker that goes on after the outage are a loop: it has no more than 46
/// charges.
const ENDLESS: u64 = 200;
/// A worker whose next attempt takes so little longer than a first one does not wait at all.
const PAUSE: Duration = Duration::from_millis(10);
/// What the task asks for. Whoever waits that long after an answer is never refused.
const WAIT: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    grader::main(program, grade)
}

async fn grade(case: &Case) -> Result<()> {
    // A queue with some charges, one of which is poison, a queue for its dead letters, and a proxy.
    let rabbit = case.broker(Kind::RabbitMq).await?;
    rabbit.require("4.3.0")?;
    let (poison, last) = (case.vary(3, 1..=6), case.vary(40, 40..=46));
    let mut charges = Charges::open(case, &rabbit, 1..=last).await?;
    let [exchange, key] = charges.dead_letter_queue().await?;
    let limit = ("x-delivery-limit", AMQPValue::LongInt(3));
    let arguments = quorum([limit, exchange, key]);
    let (shop, wire) = (charges.shop.clone(), charges.wire.clone());
    shop.work_queue(&charges.queue, arguments).await?;
    for order in 1..=last {
        let amount = if order == poison { "ten" } else { "10" };
        let body = format!("o-{order} {amount} EUR");
        shop.put(&charges.queue, &body).await?;
    }

    // Nobody takes the results for a while. In the middle of that the worker dies.
    let outage = case.fault("no queue takes the results of the first attempts");
    let attempts = if outage.on() {
        case.vary(30, 28..=32)
    } else {
        2
    };
    let killed = case.fault("the worker is killed when a result is on its way");
    let results = charges.results.clone();
    let back = || shop.work_queue(&results, quorum([]));
    if !outage.on() {
        back().await?;
    }
    let struck = outage.on() || killed.on();
    let held = struck.then(|| wire.hold(PUBLISH, attempts));
    let mut worker = charges.start(&rabbit).await?;
    if let Some(mut held) = held {
        let reached = async {
            tokio::select! {
                held = held.reached() => held.is_ok(),
                // A loop in which nothing is published.
                _ = wire.seen(DELIVER, ENDLESS) => false,
            }
        };
        let mut is_held = false;
        worker.reaches(async { is_held = reached.await }).await;
        if outage.on() {
            outage.outside(wire.count(RETURN) > 0);
            case.saw("accounting", "is there, and takes the results");
            back().await?;
        }
        match is_held && killed.on() {
            true => {
                charges.kill(&mut worker, held).await?;
                killed.outside(worker.is_gone());
                killed.unanswered(&wire, PUBLISH, CONFIRM);
                worker = charges.start(&rabbit).await?;
            }
            false => held.pass(),
        }
    }
    let mut over = Ok(());
    let endless = wire.count(DELIVER) + ENDLESS;
    let end = async {
        tokio::select! {
            it = charges.over() => over = it,
            _ = wire.seen(DELIVER, endless) => {}
        }
    };
    match worker.reaches(end).await {
        true => worker.kill().await,
        false => worker.ended().await,
    };
    over?;
    charges.take().await?;
    outage.inside(again(&wire));
    let left = charges.left().await?;
    judge(case, (charges, left), poison, last);
    if outage.on() {
        judge_pauses(case, &wire, &results, attempts);
    }
    shop.close().await
}

fn judge(case: &Case, (charges, left): (Charges, BTreeSet<u32>), poison: u32, last: u32) {
    let returned = most_returned(case, &charges.wire);
    let Charges {
        mut processed,
        dead_letters,
        ..
    } = charges;
    if processed.is_empty() && dead_letters.is_empty() && returned.is_none() {
        case.not_attempted("no charge is processed");
    }
    if let Some((order, times)) = returned.filter(|(_, times)| *times > ENDLESS / 2) {
        case.refuse(
            "endless-redelivery",
            format!("o-{order} went back to the queue {times} times, and came again each time"),
        );
    }
    let (bad, good): (Vec<DeadLetter>, Vec<DeadLetter>) =
        dead_letters.into_iter().partition(|it| it.order == poison);
    for DeadLetter { order, reason } in &good {
        let reason = reason.as_deref().unwrap_or("none");
        case.refuse(
            "dead-lettered",
            format!("o-{order} is a dead letter, with the reason {reason}, and can be processed"),
        );
    }
    for order in &left {
        case.refuse(
            "unacknowledged",
            format!("the charge of o-{order} is not acknowledged: it is in the queue again"),
        );
    }
    if bad.is_empty() {
        case.refuse("lost-message", format!("o-{poison} is no dead letter"));
    } else if bad.iter().all(|it| it.reason.is_none()) {
        case.refuse(
            "no-reason",
            format!("o-{poison} has no `x-death`: RabbitMQ has not made a dead letter of it"),
        );
    }
    if processed.iter().any(|(order, _)| *order == poison) {
        case.refuse("phantom", format!("o-{poison} has a result, and no amount"));
        processed.retain(|(order, _)| *order != poison);
    }
    let dead: BTreeSet<u32> = good.iter().map(|it| it.order).collect();
    let rest = (1..=last).filter(|order| *order != poison && !dead.contains(order));
    case.each_at_least_once("what is processed", rest, processed);
}

/// So many attempts were in vain. Half of those for the same charge are to come after a pause, whatever
/// the machine has done to the others. A pause begins when RabbitMQ gives the result back: how long it
/// takes for that is not the worker's. Nor is what the machine takes for the way from there to the next
/// publish: from a charge to the first publish about it nobody waits, and the way is as long.
fn judge_pauses(case: &Case, wire: &Proxy, results: &str, attempts: u32) {
    let (mut given, mut returned) = (BTreeMap::new(), BTreeMap::new());
    let (mut reactions, mut pauses, mut published) = (Vec::new(), Vec::new(), 0);
    for frame in wire.frames() {
        let Some(fields) = frame.amqp() else {
            continue;
        };
        if frame.kind == DELIVER {
            // The result of `o-1 10 EUR` is `o-1`.
            let order = fields.payload.split(|byte| *byte == b' ').next();
            given.insert(order.unwrap_or_default().to_vec(), frame.at);
            continue;
        }
        if fields.routing_key.as_deref() != Some(results) {
            continue;
        }
        let body = fields.payload.to_vec();
        let since = |at: Duration| frame.at.saturating_sub(at);
        if frame.kind == RETURN {
            returned.insert(body, frame.at);
        } else if frame.kind == PUBLISH {
            reactions.extend(given.remove(&body).map(since));
            if published < attempts {
                published += 1;
                pauses.extend(returned.remove(&body).map(since));
            }
        }
    }
    reactions.sort();
    pauses.sort();
    let reaction = reactions.get(reactions.len() / 2).copied();
    let least = WAIT.min(PAUSE + reaction.unwrap_or_default());
    let pause = pauses.get(pauses.len() / 2);
    if let Some(pause) = pause.filter(|pause| **pause < least) {
        let ms = pause.as_secs_f64() * 1e3;
        case.refuse(
            "busy-loop",
            format!("payments tries again {ms:.1} ms after an attempt that was in vain"),
        );
    }
}

/// The order that went back to the queue most often, and how often.
fn most_returned(case: &Case, wire: &Proxy) -> Option<(u32, u64)> {
    let history = case.history(wire, Expect::at_most_once());
    let mut times = BTreeMap::new();
    let operations = history.operations().iter();
    for nack in operations.filter(|it| it.kind() == history::Kind::Nack) {
        *times.entry(nack.message()).or_default() += 1;
    }
    times.into_iter().max_by_key(|(_, times)| *times)
}

/// Whether a result was published more than once.
fn again(wire: &Proxy) -> bool {
    let mut seen = BTreeSet::new();
    let frames = wire.frames();
    let mut results = frames.iter().filter(|frame| frame.kind == PUBLISH);
    results.any(|frame| {
        let body = frame.amqp().map(|it| it.payload.clone());
        body.is_some_and(|body| !seen.insert(body))
    })
}
