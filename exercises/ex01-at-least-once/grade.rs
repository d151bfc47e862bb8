//! Judges the payments service by the results that RabbitMQ has, after one was refused and one instance
//! was killed.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use brokers::{Broker, Kind};
use grader::rabbit::{self, Shop};
use grader::{Case, Program, Result};
use history::Expect;
use tokio::time::{interval, timeout};
use wire::Proxy;
use wire::amqp::{CONFIRM, PUBLISH};

/// How long a service may take for the result of a charge that it has acknowledged.
const LATE: Duration = Duration::from_secs(2);
/// How long it may keep a charge, with a result or without one, while no other result comes.
const KEPT: Duration = Duration::from_secs(15);
/// How long RabbitMQ may take to refuse a result. Whoever asks for no confirms never hears of it.
const REFUSAL: Duration = Duration::from_secs(5);
/// How often it refuses results of the second instance, and how long it goes on with that at most.
const REFUSALS: usize = 12;
const FULL: Duration = Duration::from_secs(4);
/// How long that instance may take to its first refusal.
const BEGINS: Duration = Duration::from_secs(20);
/// How often the results are taken.
const LOOK: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    grader::main(program, grade)
}

async fn grade(case: &Case) -> Result<()> {
    // A queue with charges, and one for results; where that may be full, RabbitMQ refuses what comes
    // then.
    let rabbit = case.broker(Kind::RabbitMq).await?;
    let charges = rabbit.name("payments.payment.charge");
    let results = rabbit.name("accounting.payment.processed");
    let full = case.fault("the queue of results is full");
    let room = case.vary(3, 1..=4);
    let shop = Shop::open(rabbit.url()).await?;
    let queues = vec![charges.clone(), results.clone()];
    case.finally(rabbit::delete(rabbit.url().to_owned(), queues));
    shop.work_queue(&charges, Default::default()).await?;
    let few = full.on().then(|| rabbit::at_most(room));
    shop.work_queue(&results, few.unwrap_or_default()).await?;
    let orders = 1..=case.vary(8, 6..=20);
    shop.fill(&charges, orders.clone()).await?;
    let wire = case.wire(&rabbit).await?;
    let work = Work {
        shop,
        wire,
        charges,
        results,
        orders,
    };

    // One result more than there is room for is refused. The next that is published, be it the same
    // again, is on its way; it does not arrive, and whoever sent it is dead.
    let killed = case.fault("payments is killed when a result is on its way");
    let nth = if full.on() { room + 2 } else { room };
    let held = (full.on() || killed.on()).then(|| work.wire.hold(PUBLISH, nth));
    let mut payments = work.start(case, &rabbit).await?;
    if let Some(mut held) = held
        && payments.reaches(held.reached()).await
    {
        if full.on() {
            // While the one behind it is held, its connection stays open, and RabbitMQ has time.
            let _ = timeout(REFUSAL, rabbit::refused(&work.wire, 1)).await;
        }
        if killed.on() {
            payments.kill().await;
            held.discard();
            work.shop.unattended(&work.charges).await?;
            killed.outside(payments.is_gone());
        } else {
            held.pass();
        }
        full.outside(work.shop.ready(&work.results).await?.0 == room);
        full.unanswered(&work.wire, PUBLISH, CONFIRM);
        if killed.on() {
            payments = work.start(case, &rabbit).await?;
        }
        if full.on() {
            // It stays full for a while: who gives up after some tries does so now. One that takes its
            // time to start has not been refused anything yet.
            let begins = timeout(BEGINS, work.stays_full(case, 1));
            if payments.reaches(begins).await {
                let goes_on = timeout(FULL, work.stays_full(case, REFUSALS));
                payments.reaches(goes_on).await;
            }
        }
    }

    // Somebody takes the results from now on.
    case.saw("accounting", "takes the results");
    let mut found = Vec::new();
    let mut failed = Ok(());
    let collected = payments.reaches(async { failed = work.collect(case, &mut found).await });
    match collected.await {
        true => payments.kill().await,
        false => payments.ended().await,
    };
    failed?;
    work.shop.unattended(&work.charges).await?;
    found.extend(work.shop.take(&work.results).await?);
    if found.is_empty() && work.wire.count(PUBLISH) == 0 {
        case.not_attempted("nothing is published");
    }
    killed.inside(came_again(&work.wire));
    case.each_at_least_once("the results", work.orders.clone(), found);
    for order in work.unsettled(case) {
        let why = format!("the charge o-{order} is not acknowledged");
        case.refuse("unacknowledged", why);
    }
    for order in rabbit::transient(&work.wire) {
        let why = format!("the result of o-{order} is not persistent: a restart loses it");
        case.refuse("transient", why);
    }
    work.shop.close().await
}

/// Whether a charge was delivered that was delivered before.
fn came_again(wire: &Proxy) -> bool {
    let frames = wire.frames();
    let mut told = frames.iter().filter_map(|frame| frame.amqp());
    told.any(|fields| fields.redelivered)
}

/// What the service works on.
struct Work {
    shop: Shop,
    wire: Arc<Proxy>,
    charges: String,
    results: String,
    orders: RangeInclusive<u32>,
}

impl Work {
    async fn start(&self, case: &Case, rabbit: &Broker) -> Result<Program> {
        let payments = case.program("payments").broker(rabbit, self.wire.url());
        let payments = payments
            .env("CHARGES_QUEUE", &self.charges)
            .env("RESULTS_QUEUE", &self.results);
        payments.start().await
    }

    /// The charges that RabbitMQ has not been told to forget.
    fn unsettled(&self, case: &Case) -> Vec<u32> {
        let history = case.history(&self.wire, Expect::at_least_once());
        let told = history.operations().iter();
        let told =
            told.filter(|it| [history::Kind::Ack, history::Kind::Reject].contains(&it.kind()));
        let settled: BTreeSet<u32> = told.map(|it| it.message()).collect();
        let charges = self.orders.clone();
        charges.filter(|order| !settled.contains(order)).collect()
    }

    /// Returns once RabbitMQ has refused so many more results, or no charge is left that could have one.
    async fn stays_full(&self, case: &Case, more: usize) {
        let refusals = rabbit::refusals(&self.wire) + more;
        let none_left = async {
            let mut look = interval(LOOK);
            while !self.unsettled(case).is_empty() {
                look.tick().await;
            }
        };
        tokio::select! {
            () = rabbit::refused(&self.wire, refusals) => {}
            () = none_left => {}
        }
    }

    /// Takes results, until each order has one and RabbitMQ has forgotten each charge; or until it has
    /// forgotten all, and no result comes any more; or until it should have, and the service keeps some.
    async fn collect(&self, case: &Case, found: &mut Vec<(u32, String)>) -> Result<()> {
        let (mut since, mut settled_since) = (Instant::now(), Instant::now());
        let mut look = interval(LOOK);
        loop {
            look.tick().await;
            // What is settled had its result before.
            let settled = self.unsettled(case).is_empty();
            if !settled {
                settled_since = Instant::now();
            }
            let new = self.shop.take(&self.results).await?;
            if !new.is_empty() {
                since = Instant::now();
            }
            found.extend(new);
            let has = |order| found.iter().any(|(it, _)| *it == order);
            let (quiet, patience) = match (settled, self.orders.clone().all(has)) {
                (true, true) => return Ok(()),
                // What it has acknowledged last may have its result now.
                (true, false) => (since.max(settled_since), LATE),
                // Nothing has come of any charge yet: it may not have begun.
                (false, false) if found.is_empty() => continue,
                (false, _) => (since, KEPT),
            };
            if quiet.elapsed() > patience {
                return Ok(());
            }
        }
    }
}
