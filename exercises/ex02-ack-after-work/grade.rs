//! Judges the payments worker by what came of each charge, after one worker was killed at its work and
//! results of the next one were refused.

use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::PullConsumer;
use brokers::{Broker, Kind};
use grader::nats::{self, Shop};
use grader::{Case, Fault, Program, Result};
use tokio::time::interval;
use wire::nats::{ACK, NAK, NEXT, PUB, PUB_ACK, TERM};
use wire::{Held, Proxy};

/// How long a worker may take to end, or to say something of its charge, after a result was refused.
const MEANWHILE: Duration = Duration::from_secs(2);
/// How often to look what a worker does.
const LOOK: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    grader::main(program, grade)
}

async fn grade(case: &Case) -> Result<()> {
    // A stream with some charges, the consumer that the worker takes them from, and a proxy.
    let nats = case.private(Kind::Nats).await?;
    let shop = Shop::open(nats.url(), &["payment.>"]).await?;
    let mut payments = shop.consumer("payments", "payment.charge").await?;
    let orders = 1..=case.vary(6, 4..=20);
    shop.publish("payment.charge", orders.clone()).await?;
    let wire = case.wire(&nats).await?;
    let story = Story {
        case,
        nats,
        shop,
        wire,
    };

    // The result of a charge is on its way. It does not arrive, and whoever sent it is dead.
    let nth = case.vary(3, 1..=4);
    let killed = case.fault(&format!(
        "the worker is killed when result {nth} is on its way"
    ));
    if killed.on() {
        let held = story.wire.hold(PUB, nth);
        story.killed(&killed, held).await?;
    }
    // Another worker goes on. What it sends is refused at first.
    let refused = case.fault("the stream is full, and refuses results");
    let mut worker = match refused.on() {
        true => story.start_refused(&refused, &mut payments).await?,
        false => story.start().await?,
    };
    let mut done = story.done(&mut worker, &mut payments, &orders).await;
    if !done && refused.on() {
        // It has taken its time to end.
        worker = story.start().await?;
        done = story.done(&mut worker, &mut payments, &orders).await;
    }
    match done {
        true => worker.kill().await,
        false => worker.ended().await,
    };

    refused.inside(was_refused(&story.wire));
    let found = story.shop.stored("payment.processed").await?;
    if found.is_empty() && story.wire.count(PUB) == 0 {
        case.not_attempted("no charge is processed");
    }
    let left = nats::left(&mut payments).await?;
    if left > 0 {
        case.refuse(
            "unacknowledged",
            format!("{left} charges are not acknowledged"),
        );
    }
    case.each_at_least_once("what is processed", orders, found);
    Ok(())
}

/// Whether a worker has heard that a result is not stored.
fn was_refused(wire: &Proxy) -> bool {
    let frames = wire.frames();
    let mut answers = frames.iter().filter(|frame| frame.kind == PUB_ACK);
    answers.any(|frame| frame.nats().is_some_and(|answer| answer.error.is_some()))
}

/// What the worker works with.
struct Story<'a> {
    case: &'a Case,
    nats: Broker,
    shop: Shop,
    wire: Arc<Proxy>,
}

impl Story<'_> {
    async fn start(&self) -> Result<Program> {
        let worker = self.case.program("payments");
        worker.broker(&self.nats, self.wire.url()).start().await
    }

    /// A worker starts, and is killed when this result is on its way.
    async fn killed(&self, fault: &Fault, mut held: Held) -> Result<()> {
        let mut worker = self.start().await?;
        if worker.reaches(held.reached()).await {
            worker.kill().await;
            fault.outside(worker.is_gone());
            fault.unanswered(&self.wire, PUB, PUB_ACK);
            held.discard();
        }
        Ok(())
    }

    /// A worker starts while the stream refuses its results. If it ends with that, another one starts.
    async fn start_refused(&self, fault: &Fault, payments: &mut PullConsumer) -> Result<Program> {
        self.shop.refuse_results(true).await?;
        self.case.saw("SHOP", "refuses results from now on");
        let said = self.said();
        let mut worker = self.start().await?;
        let answered = async {
            tokio::select! {
                () = self.refuses() => {}
                // There is nothing that a result could come of.
                _ = nats::settled(payments) => {}
            }
        };
        if worker.reaches(answered).await {
            self.ends_or_says(&worker, said).await;
        }
        fault.outside(self.shop.is_full().await?);
        self.shop.refuse_results(false).await?;
        self.case.saw("SHOP", "takes results again");
        match worker.is_gone() {
            true => self.start().await,
            false => Ok(worker),
        }
    }

    /// Returns once a worker has heard that a result is not stored. A yes may come before: that for a
    /// result with an id that is stored already.
    async fn refuses(&self) {
        let mut look = interval(LOOK);
        while !was_refused(&self.wire) {
            look.tick().await;
        }
    }

    /// Returns when the worker has ended or has said what is to become of a charge, or does neither.
    async fn ends_or_says(&self, worker: &Program, said: u64) {
        let (since, mut look) = (Instant::now(), interval(LOOK));
        while !worker.is_gone() && self.said() == said && since.elapsed() < MEANWHILE {
            look.tick().await;
        }
    }

    /// How often workers have said what is to become of a charge.
    fn said(&self) -> u64 {
        let kinds = [ACK, NAK, TERM, NEXT].into_iter();
        kinds.map(|kind| self.wire.count(kind)).sum()
    }

    /// Whether the worker comes so far that each charge has a result, or gets none any more. It does
    /// not if it ends before.
    async fn done(
        &self,
        worker: &mut Program,
        payments: &mut PullConsumer,
        orders: &RangeInclusive<u32>,
    ) -> bool {
        let results = "payment.processed";
        let worked = self.shop.worked(payments, results, orders.clone());
        worker.reaches(worked).await
    }
}
