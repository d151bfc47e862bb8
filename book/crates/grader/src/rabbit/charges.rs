//! A queue of charges for the payments service, and what has come of each of them.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use brokers::Broker;
use history::{Expect, Kind};
use lapin::types::AMQPValue;
use tokio::task::JoinHandle;
use tokio::time::interval;
use wire::amqp::{ACK, CONSUME, DELIVER, GET, GET_OK, NACK, PUBLISH, REJECT};
use wire::{Held, Proxy};

use super::{LOOK, Shop, delete, quorum};
use crate::once::orders;
use crate::{Case, Program};

/// How long nothing may come of a charge that is acknowledged.
const LATE: Duration = Duration::from_secs(5);
/// How long a service may do nothing about a charge that it has: it keeps it then.
const KEPT: Duration = Duration::from_secs(15);

/// Charges in a queue, and another queue for what comes of them; where a story wants it, a third one
/// for dead letters. The story declares the first two.
pub struct Charges {
    /// The story's own connection.
    pub shop: Shop,
    /// The service's way to RabbitMQ.
    pub wire: Arc<Proxy>,
    /// The name of the queue of charges: `CHARGES_QUEUE`.
    pub queue: String,
    /// The name of the queue of results: `RESULTS_QUEUE`.
    pub results: String,
    /// The name of the queue of dead letters.
    pub dead: String,
    /// The results that were taken out of their queue so far, each with its place.
    pub processed: Vec<(u32, String)>,
    /// The dead letters that were.
    pub dead_letters: Vec<DeadLetter>,
    case: Case,
    orders: RangeInclusive<u32>,
    /// What takes them now. It goes on where nobody waits for it any more: what it has taken would
    /// be lost.
    taking: Option<JoinHandle<Result<Taken>>>,
    has_dead: bool,
}

/// A charge that its queue has given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its order.
    pub order: u32,
    /// Why, as RabbitMQ has written it into the header `x-death`: `rejected`, `delivery_limit`. None
    /// where RabbitMQ has written nothing.
    pub reason: Option<String>,
}

/// Results and dead letters.
type Taken = (Vec<(u32, String)>, Vec<DeadLetter>);

impl Charges {
    /// Names the queues, and puts a proxy before this RabbitMQ. The queues go at the end of the run.
    ///
    /// # Errors
    /// When RabbitMQ refuses or does not answer; so for all that follows.
    pub async fn open(
        case: &Case,
        rabbit: &Broker,
        orders: RangeInclusive<u32>,
    ) -> Result<Charges> {
        let names = [
            "payments.payment.charge",
            "accounting.payment.processed",
            "dead.payment.charge",
        ];
        let [queue, results, dead] = names.map(|name| rabbit.name(name));
        let all = vec![queue.clone(), results.clone(), dead.clone()];
        case.finally(delete(rabbit.url().to_owned(), all));
        Ok(Charges {
            shop: Shop::open(rabbit.url()).await?,
            wire: case.wire(rabbit).await?,
            queue,
            results,
            dead,
            processed: Vec::new(),
            dead_letters: Vec::new(),
            case: case.clone(),
            orders,
            taking: None,
            has_dead: false,
        })
    }

    /// Declares the queue of dead letters. Gives the arguments of the queue whose dead letters go there.
    ///
    /// # Errors
    /// See [`Charges::open`].
    pub async fn dead_letter_queue(&mut self) -> Result<[(&'static str, AMQPValue); 2]> {
        self.shop.work_queue(&self.dead, quorum([])).await?;
        self.has_dead = true;
        let text = |value: &str| AMQPValue::LongString(value.into());
        Ok([
            ("x-dead-letter-exchange", text("")),
            ("x-dead-letter-routing-key", text(&self.dead)),
        ])
    }

    /// Starts the service. Its variables are `AMQP_URL`, `CHARGES_QUEUE` and `RESULTS_QUEUE`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start(&self, rabbit: &Broker) -> Result<Program> {
        let payments = self.case.program("payments");
        let payments = payments
            .broker(rabbit, self.wire.url())
            .env("CHARGES_QUEUE", &self.queue)
            .env("RESULTS_QUEUE", &self.results);
        payments.start().await
    }

    /// Takes the results and the dead letters that there are.
    ///
    /// # Errors
    /// See [`Charges::open`].
    pub async fn take(&mut self) -> Result<()> {
        let taking = self.taking.get_or_insert_with(|| {
            let (shop, results) = (self.shop.clone(), self.results.clone());
            let dead = self.has_dead.then(|| self.dead.clone());
            tokio::spawn(async move {
                let processed = shop.take(&results).await?;
                let dead = match dead {
                    Some(dead) => shop.stored(&dead).await?,
                    None => Vec::new(),
                };
                let letters = dead.into_iter().filter_map(|it| {
                    let order = *orders(it.body.as_bytes()).first()?;
                    let reason = it.reason;
                    Some(DeadLetter { order, reason })
                });
                Ok((processed, letters.collect()))
            })
        });
        let taken = taking.await;
        self.taking = None;
        let (processed, dead) = taken.context("nobody looks at the queues")??;
        let places = self.processed.len() + 1..;
        let numbered = places.zip(processed);
        let placed = numbered.map(|(place, (order, _))| (order, format!("place {place}")));
        self.processed.extend(placed);
        self.dead_letters.extend(dead);
        Ok(())
    }

    /// The orders that RabbitMQ still has: it has not been told to forget them, and has not given them
    /// up. Of what nobody acknowledges it has what is ready, and no more: the rest may have been lost on
    /// the way to the proxy.
    ///
    /// # Errors
    /// See [`Charges::open`].
    pub async fn left(&self) -> Result<BTreeSet<u32>> {
        let frames = self.wire.frames();
        let mut told = frames.iter().filter(|it| [CONSUME, GET].contains(&it.kind));
        let automatic = told.any(|it| it.amqp().is_some_and(|fields| fields.no_ack));
        if automatic && self.shop.ready(&self.queue).await?.0 == 0 {
            return Ok(BTreeSet::new());
        }
        Ok(self.unsettled())
    }

    fn unsettled(&self) -> BTreeSet<u32> {
        let history = self.case.history(&self.wire, Expect::at_most_once());
        let operations = history.operations().iter();
        let settled = operations.filter(|it| [Kind::Ack, Kind::Reject].contains(&it.kind()));
        let settled: BTreeSet<u32> = settled.map(|it| it.message()).collect();
        let dead = |order: u32| self.dead_letters.iter().any(|it| it.order == order);
        let left = |order: &u32| !settled.contains(order) && !dead(*order);
        self.orders.clone().filter(left).collect()
    }

    /// Returns once RabbitMQ has been told to forget the charge of this order.
    pub async fn settled(&self, order: u32) {
        let mut look = interval(LOOK);
        while self.unsettled().contains(&order) {
            look.tick().await;
        }
    }

    /// Returns once RabbitMQ has no charge any more.
    ///
    /// # Errors
    /// See [`Charges::open`].
    pub async fn none_left(&self) -> Result<()> {
        let mut look = interval(LOOK);
        while !self.left().await?.is_empty() {
            look.tick().await;
        }
        Ok(())
    }

    /// Kills a worker. What it had and had not settled is in the queue again when this returns.
    ///
    /// # Errors
    /// See [`Charges::open`]; and when RabbitMQ does not notice within 30 s.
    pub async fn kill(&self, worker: &mut Program, held: Held) -> Result<()> {
        worker.kill().await;
        held.cut();
        self.shop.unattended(&self.queue).await
    }

    /// Returns once no charge is left, and each has become a result or a dead letter; or none is left,
    /// and nothing comes of them any more; or the service keeps what is left, and does nothing.
    ///
    /// # Errors
    /// See [`Charges::open`].
    pub async fn over(&mut self) -> Result<()> {
        let (mut known, mut since) = (0, Instant::now());
        let (mut done, mut still) = (0, Instant::now());
        let mut look = interval(LOOK);
        loop {
            look.tick().await;
            // What is settled had come to something before.
            let left = !self.left().await?.is_empty();
            self.take().await?;
            let came = self.processed.len() + self.dead_letters.len();
            if left || came > known {
                (known, since) = (came, Instant::now());
            }
            let does = self.steps();
            if does > done {
                (done, still) = (does, Instant::now());
            }
            let keeps = done > 0 && still.elapsed() > KEPT;
            let processed = self.processed.iter().map(|(order, _)| *order);
            let dead = self.dead_letters.iter().map(|it| it.order);
            let out: BTreeSet<u32> = processed.chain(dead).collect();
            let all = self.orders.clone().all(|order| out.contains(&order));
            if keeps || (!left && (all || since.elapsed() > LATE)) {
                return Ok(());
            }
        }
    }

    /// How often the service was given a charge, has published, or has said what is to become of a
    /// charge.
    fn steps(&self) -> u64 {
        let kinds = [DELIVER, GET_OK, PUBLISH, ACK, NACK, REJECT].into_iter();
        kinds.map(|kind| self.wire.count(kind)).sum()
    }
}
