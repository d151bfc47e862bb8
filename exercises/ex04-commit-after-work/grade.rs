//! Judges the inventory service by what came of each order, after Kafka has refused results and one
//! instance was killed at its work.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use brokers::{Broker, Kind};
use grader::{Case, Fault, Program, Result};
use tokio::time::timeout;
use topics::Shop;
use wire::kafka::{FETCH, OFFSET_COMMITTED, PRODUCE, PRODUCED};
use wire::{Frame, Held, Proxy};

/// How long a service may take to end, or to commit, after Kafka has refused a result.
const MEANWHILE: Duration = Duration::from_secs(2);
/// How long a service may take to commit what is done. The stub's client does so each second, and the
/// task names 2 s; the rest is for a busy machine.
const COMMITTING: Duration = Duration::from_secs(4);
/// How often its client asks for new orders in that time, at least. Where there is none, Kafka answers
/// when the client's `fetch.wait.max.ms` is over: 500 ms, unless it says otherwise. One that has asked
/// less often had no processor meanwhile, and gets more time.
const ASKS: u64 = 3;
/// How much more, at most.
const MORE: Duration = Duration::from_secs(15);
/// How long a result is on its way before the kill. A client that commits by itself at longer intervals
/// is too late in the last instance: that one has its results within a second, and 4 s from then on.
const LONG: Duration = Duration::from_millis(4500);
/// Kafka's number for a batch that has more bytes than its topic takes.
const TOO_LARGE: i16 = 10;

fn main() -> ExitCode {
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    grader::main(program, grade)
}

async fn grade(case: &Case) -> Result<()> {
    // Some orders are there when the service starts, and the others come later.
    let kafka = case.private(Kind::Kafka).await?;
    let story = Story {
        case,
        shop: Shop::open(kafka.url()).await?,
        wire: case.wire(&kafka).await?,
        kafka,
    };
    let early = case.vary(3, 1..=6);
    let all = early + case.vary(4, 2..=12);
    story.shop.order(1..=early).await?;
    let refused = case.fault("Kafka refuses the first results");
    let mut service = match refused.on() {
        true => story.start_refused(&refused).await?,
        false => story.start().await?,
    };
    // What comes now is taken, and a commit of it covers what was refused.
    let next = early + 1;
    story.shop.order(next..=next).await?;
    let mut works = story.done(&mut service, next).await?;
    if !works && refused.on() {
        // It has taken its time to end.
        service = story.start().await?;
        works = story.done(&mut service, next).await?;
    }
    if !works {
        service.ended().await;
    }
    if story.wire.count(PRODUCE) == 0 {
        case.not_attempted("no order is reserved");
    }

    // A result is on its way. It does not arrive, and whoever sent it is dead. Another instance goes on.
    let killed = case.fault("the service is killed when a result is on its way");
    let held = killed.on().then(|| story.wire.hold(PRODUCE, 1));
    let committed = story.wire.count(OFFSET_COMMITTED);
    story.shop.order(next + 1..=all).await?;
    if let Some(held) = held {
        story.kill(&killed, &mut service, held, committed).await;
        service = story.start().await?;
    }
    match story.done(&mut service, all).await? {
        true => service.kill().await,
        false => service.ended().await,
    };

    refused.inside(was_refused(&story.wire));
    let left = story.shop.left().await?;
    // What is told first is the verdict, and a lost order is worse than one that comes again.
    case.each_at_least_once("what is reserved", 1..=all, story.shop.reserved().await?);
    if left > 0 {
        case.refuse("uncommitted", format!("{left} orders are not committed"));
    }
    Ok(())
}

/// Whether the service has heard that a result is not taken.
fn was_refused(wire: &Proxy) -> bool {
    let frames = wire.frames();
    let answers = frames.iter().filter(|frame| frame.kind == PRODUCED);
    let answers = answers.filter_map(Frame::kafka);
    let mut partitions = answers.flat_map(|answer| &answer.partitions);
    partitions.any(|partition| partition.error == TOO_LARGE)
}

/// What the service works with.
struct Story<'a> {
    case: &'a Case,
    kafka: Broker,
    shop: Shop,
    wire: Arc<Proxy>,
}

impl Story<'_> {
    async fn start(&self) -> Result<Program> {
        let service = self.case.program("inventory");
        service.broker(&self.kafka, self.wire.url()).start().await
    }

    /// A service starts while Kafka refuses its results. If it ends with that, another one starts.
    async fn start_refused(&self, fault: &Fault) -> Result<Program> {
        self.shop.refuse_results(true).await?;
        self.case.saw("kafka", "refuses results from now on");
        fault.outside(true);
        let mut service = self.start().await?;
        if service.reaches(self.wire.seen(PRODUCE, 1)).await {
            self.ends_or_commits(&service).await;
        }
        self.shop.refuse_results(false).await?;
        self.case.saw("kafka", "takes results again");
        match service.is_gone() {
            true => self.start().await,
            false => Ok(service),
        }
    }

    /// Returns when the service has ended or has committed something, or does neither.
    async fn ends_or_commits(&self, service: &Program) {
        let either = async {
            tokio::select! {
                () = service.gone() => {}
                _ = self.wire.seen(OFFSET_COMMITTED, 1) => {}
            }
        };
        let _ = timeout(MEANWHILE, either).await;
    }

    /// The service is killed when this result is on its way.
    async fn kill(&self, fault: &Fault, service: &mut Program, mut held: Held, committed: u64) {
        if !service.reaches(held.reached()).await {
            return;
        }
        // If it commits meanwhile, what it wants is done.
        let commits = self.wire.seen(OFFSET_COMMITTED, committed + 1);
        let _ = timeout(LONG, commits).await;
        service.kill().await;
        fault.outside(service.is_gone());
        fault.unanswered(&self.wire, PRODUCE, PRODUCED);
        held.discard();
    }

    /// Whether the service comes so far that the orders up to this one are reserved and committed, or
    /// should be. It does not if it ends before.
    async fn done(&self, service: &mut Program, last: u32) -> Result<bool> {
        let mut met = Ok(());
        let work = async {
            self.shop.worked(1..=last).await?;
            self.commits().await
        };
        let reached = service.reaches(async { met = work.await }).await;
        met.map(|()| reached)
    }

    /// Returns when the group has committed all orders, or takes too long for it.
    async fn commits(&self) -> Result<()> {
        let asked = self.wire.count(FETCH);
        if let Ok(done) = timeout(COMMITTING, self.shop.committed()).await {
            return done;
        }
        let late = async {
            tokio::select! {
                done = self.shop.committed() => done,
                _ = self.wire.seen(FETCH, asked + ASKS) => Ok(()),
            }
        };
        timeout(MORE, late).await.unwrap_or(Ok(()))
    }
}
