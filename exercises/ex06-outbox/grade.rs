//! Judges the orders service by the rows in its database and the events in the queue, after it was
//! killed at each step from the one to the other, and after an event was refused.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use brokers::{Broker, Kind};
use grader::rabbit::{self, FILLING, Stored};
use grader::{Case, Context, Fault, Program, Result, number};
use history::{Event, Verb};
use tokio::time::timeout;
use traps::{Change, Database};
use wire::Proxy;
use wire::amqp::{CONFIRM, PUBLISH};

const TABLE: &str = "CREATE TABLE orders (order_id TEXT PRIMARY KEY)";
/// How long a service whose event is on its way, or is refused, may take to forget it.
const EARLY: Duration = Duration::from_secs(3);
/// How many events the queue has room for: more than the story needs.
const ROOM: u32 = 30;
/// How often RabbitMQ refuses an event until it is clear that the service goes on trying.
const REFUSALS: usize = 5;

fn main() -> ExitCode {
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    grader::main(program, grade)
}

async fn grade(case: &Case) -> Result<()> {
    // Some orders, and nothing goes wrong.
    let mut shop = Shop::open(case).await?;
    let early = case.vary(3, 1..=6);
    let mut service = shop.order(early).await?;
    let end = service.ended().await;
    shop.calm = early;
    shop.quiet = shop.wire.connected();
    if shop.saved()?.is_empty() && shop.past.ready(&shop.queue).await?.0 == 0 {
        case.not_attempted("no order is saved, and no event is published");
    }
    if end.code != Some(0) {
        return Ok(());
    }

    // The service is killed at each step. What it may forget while its event is on the way, it forgets.
    let fault = case.fault("the service is killed when an event is on its way to RabbitMQ");
    if fault.on() {
        let mut held = shop.wire.hold(PUBLISH, 1);
        let mut service = shop.order_in_vain().await?;
        if service.reaches(held.reached()).await {
            let forgets = timeout(EARLY, shop.database.changed());
            service.reaches(forgets).await;
            kill(&mut service, &fault).await;
            fault.unanswered(&shop.wire, PUBLISH, CONFIRM);
            held.discard();
        } else {
            service.ended().await;
        }
    }
    let confirm = case.fault("the service is killed when a confirm is on its way to it");
    if confirm.on() {
        let mut held = shop.wire.hold(CONFIRM, 1);
        let mut service = shop.order_in_vain().await?;
        if service.reaches(held.reached()).await {
            kill(&mut service, &confirm).await;
            held.discard();
        } else {
            service.ended().await;
        }
    }
    let fault = case.fault("the service is killed when it saves an order");
    shop.killed_in_a_write(fault, &["orders".to_owned()])
        .await?;
    let beside = shop.database.tables_beside("orders")?;
    if !beside.is_empty() {
        let names = beside.join(" or ");
        let fault = case.fault(&format!(
            "the service is killed when it writes a row into {names}"
        ));
        shop.killed_in_a_write(fault, &beside).await?;
    }
    let full = case.fault("the queue is full, and RabbitMQ refuses an event");
    if full.on() {
        shop.refused(&full).await?;
    }

    // The last instance does what the others have left.
    let late = case.vary(2, 1..=6);
    shop.order(late).await?.ended().await;
    confirm.unanswered(&shop.wire, PUBLISH, CONFIRM);
    shop.judge().await
}

/// A database, a queue for what is to be known of it, and what is on the way from the one to the other.
struct Shop {
    case: Case,
    rabbit: Arc<Broker>,
    wire: Arc<Proxy>,
    /// To RabbitMQ, past the proxy.
    past: rabbit::Shop,
    queue: String,
    database: Database,
    /// The orders that were given: 1 to this one.
    last: u32,
    /// The last order of the service that nothing hindered, and its last connection to RabbitMQ.
    calm: u32,
    quiet: u32,
    /// Those that must be saved: no service was killed at them.
    must: BTreeSet<u32>,
    /// The events that were taken out of the queue.
    taken: Vec<Stored>,
}

impl Shop {
    async fn open(case: &Case) -> Result<Shop> {
        let rabbit = case.broker(Kind::RabbitMq).await?;
        let queue = rabbit.name("inventory.order.created");
        let past = rabbit::Shop::open(rabbit.url()).await?;
        let queues = vec![queue.clone()];
        case.finally(rabbit::delete(rabbit.url().to_owned(), queues));
        past.work_queue(&queue, rabbit::at_most(ROOM)).await?;
        Ok(Shop {
            case: case.clone(),
            wire: case.wire(&rabbit).await?,
            rabbit,
            past,
            queue,
            database: Database::create(&case.file("shop.db"), TABLE)?,
            last: 0,
            calm: 0,
            quiet: 0,
            must: BTreeSet::new(),
            taken: Vec::new(),
        })
    }

    /// Starts a service that gets so many orders, and is to save them.
    async fn order(&mut self, count: u32) -> Result<Program> {
        let orders = self.last + 1..=self.last + count;
        self.must.extend(orders.clone());
        self.last += count;
        let service = self.case.program("orders");
        let service = service
            .broker(&self.rabbit, self.wire.url())
            .env("EVENTS_QUEUE", &self.queue)
            .env("SHOP_DB", self.database.path().display().to_string());
        let mut service = service.start().await?;
        service.give(orders.map(|order| format!("o-{order}"))).await;
        Ok(service)
    }

    /// Starts one that gets an order at which it is killed.
    async fn order_in_vain(&mut self) -> Result<Program> {
        let service = self.order(1).await?;
        self.must.remove(&self.last);
        Ok(service)
    }

    /// A service gets an order, and is killed when it writes a row into one of these tables.
    async fn killed_in_a_write(&mut self, fault: Fault, tables: &[String]) -> Result<()> {
        if !fault.on() {
            return Ok(());
        }
        let trap = self.database.trap(Change::Insert, tables)?;
        let mut service = self.order_in_vain().await?;
        if service.reaches(trap.sprung()).await {
            let place = format!("is writing into {}", tables.join(" or "));
            self.case.saw("orders", &place);
            kill(&mut service, &fault).await;
            // What it was writing is not there.
            fault.inside(trap.is_undone()?);
        } else if service.ended().await.code == Some(0) && tables != ["orders"] {
            let names = tables.join(" or ");
            let text = format!("adds no row to {names}: there is no such write to be killed in");
            fault.has_no_place("orders", &text);
        }
        trap.remove()
    }

    /// The orders that are saved, each with its row.
    fn saved(&self) -> Result<Vec<(u32, String)>> {
        let rows = self.database.rows("orders", "order_id")?;
        let rows = rows.context("somebody still writes into the database")?;
        let orders = rows.into_iter().filter_map(|row| {
            let order = number(&row.text)?;
            Some((order, format!("row {}", row.number)))
        });
        Ok(orders.collect())
    }

    /// Whether a service has sent an event about this order, on a later connection than this one.
    fn is_published_after(&self, order: u32, connection: u32) -> bool {
        let body = format!("o-{order}");
        let frames = self.wire.frames();
        let mut all = frames.iter().filter(|frame| frame.kind == PUBLISH);
        all.any(|frame| {
            let fields = frame.amqp().filter(|_| frame.connection > connection);
            fields.is_some_and(|fields| fields.payload == body.as_bytes())
        })
    }

    /// A service gets an order, and RabbitMQ has no room for the event about it. It ends, or it is
    /// killed while it goes on trying; what it forgets now, it forgets.
    async fn refused(&mut self, fault: &Fault) -> Result<()> {
        self.past.fill_up(&self.queue, ROOM).await?;
        let refusals = rabbit::refusals(&self.wire);
        let mut service = self.order_in_vain().await?;
        // A relay may look for events now and then only.
        let first = rabbit::refused(&self.wire, refusals + 1);
        if service.reaches(first).await {
            let answered = async {
                tokio::select! {
                    () = service.gone() => {}
                    () = rabbit::refused(&self.wire, refusals + REFUSALS) => {}
                }
            };
            let _ = timeout(EARLY, answered).await;
        }
        if !service.is_gone() {
            service.kill().await;
        }
        fault.outside(self.past.ready(&self.queue).await?.0 >= ROOM);
        fault.inside(rabbit::refusals(&self.wire) > refusals);
        self.case
            .saw("inventory", "takes what is in the queue, and what comes");
        self.take().await
    }

    /// Takes the events out of the queue.
    async fn take(&mut self) -> Result<()> {
        let all = self.past.stored(&self.queue).await?.into_iter();
        for event in all.filter(|it| it.body != FILLING) {
            let place = self.taken.len() + 1;
            self.taken.push(Stored { place, ..event });
        }
        Ok(())
    }

    /// Each row has its event, and each event its row.
    async fn judge(&mut self) -> Result<()> {
        self.take().await?;
        let case = &self.case;
        let saved: BTreeSet<u32> = self.saved()?.into_iter().map(|(order, _)| order).collect();
        let mut events: BTreeMap<u32, Vec<&Stored>> = BTreeMap::new();
        for event in &self.taken {
            match number(&event.body) {
                Some(order) => events.entry(order).or_default().push(event),
                None => {
                    let Stored { place, body, .. } = event;
                    let why = format!("event {place} is about `{body}`, which is no order");
                    case.refuse("phantom", why);
                }
            }
        }
        for order in saved.union(&self.must) {
            case.event(Event::new("orders", Verb::Sent, *order));
            if !saved.contains(order) {
                let why = format!("o-{order} is not saved, and nothing has hindered the service");
                case.refuse("lost-message", why);
            } else if !events.contains_key(order) {
                let why = format!("o-{order} is saved, and there is no event about it");
                case.refuse("lost-message", why);
            }
        }
        for (order, copies) in &events {
            case.event(Event::new("rabbit", Verb::Done, *order));
            let places: Vec<String> = copies.iter().map(|it| it.place.to_string()).collect();
            let places = places.join(" and ");
            if !saved.contains(order) {
                let why = format!("event {places} is about o-{order}, which is not saved");
                case.refuse("phantom", why);
            }
            let ids: BTreeSet<Option<&str>> = copies.iter().map(|it| it.id.as_deref()).collect();
            if copies.len() > 1 && (ids.len() > 1 || ids.contains(&None)) {
                let ids = ids.into_iter().map(|id| id.unwrap_or("(none)"));
                let ids = ids.collect::<Vec<_>>().join(" and ");
                let why = format!(
                    "events {places} are about o-{order}, and nobody can tell that they are the same: \
                     their message ids are {ids}"
                );
                case.refuse("duplicate", why);
            }
        }
        self.judge_what_was_sent();
        Ok(())
    }

    /// What was confirmed to a service that ended by itself, no other one publishes; and all is
    /// persistent.
    fn judge_what_was_sent(&self) {
        for order in (1..=self.calm).filter(|order| self.is_published_after(*order, self.quiet)) {
            let why = format!(
                "o-{order} is published again by another service, although it was confirmed to one \
                 that ended by itself"
            );
            self.case.refuse("duplicate", why);
        }
        for order in rabbit::transient(&self.wire) {
            let why = format!("the event about o-{order} is not persistent: a restart loses it");
            self.case.refuse("transient", why);
        }
    }
}

async fn kill(service: &mut Program, fault: &Fault) {
    service.kill().await;
    fault.outside(service.is_gone());
}
