//! Judges the payments worker by the charges in its database, after it was killed in its writes and
//! before its acknowledgement, after a commit had to wait, and after one command came twice.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use brokers::{Broker, Kind};
use grader::rabbit::{self, unacknowledged};
use grader::{Case, Context, Fault, Program, Result, number};
use tokio::time::timeout;
use traps::{Change, Database};
use wire::Proxy;
use wire::amqp::{ACK, DELIVER, GET_OK};

const TABLE: &str = "CREATE TABLE charges (order_id TEXT NOT NULL)";
/// How long a worker that stands still in a write may take for an acknowledgement of its message.
const EARLY: Duration = Duration::from_millis(500);
/// How long somebody reads at most who waits for a write. A client that nobody tells otherwise waits 5 s
/// for its commit.
const READING: Duration = Duration::from_secs(3);
/// How long a worker may take for the charge of a message that it has acknowledged, and for the
/// acknowledgement of one that it has charged.
const LATE: Duration = Duration::from_secs(5);
/// How often queue and database are looked at.
const LOOK: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    grader::main(program, grade)
}

async fn grade(case: &Case) -> Result<()> {
    // Some commands, and nothing goes wrong.
    let shop = Shop::open(case).await?;
    let mut last = case.vary(3, 2..=6);
    for order in 1..=last {
        shop.publish(order).await?;
    }
    let mut worker = shop.start().await?;
    shop.works(&mut worker, last, 1).await;
    let Some(charged) = shop.readable().await else {
        case.refuse("locked", "nobody else can read the table charges");
        return Ok(());
    };
    if charged.is_empty() {
        case.not_attempted("no order is charged");
        return Ok(());
    }

    // The worker is killed in each of its writes, and before it acknowledges what it has written.
    last += 1;
    let fault = case.fault(&format!("the worker is killed in its charge of o-{last}"));
    let charges = ["charges".to_owned()];
    shop.killed_in_a_write(&mut worker, fault, (Change::Insert, &charges), last)
        .await?;
    let beside = shop.database.tables_beside("charges")?;
    if !beside.is_empty() {
        last += 1;
        let names = beside.join(" or ");
        let fault = case.fault(&format!(
            "the worker is killed in what it writes into {names} about o-{last}"
        ));
        shop.killed_in_a_write(&mut worker, fault, (Change::Insert, &beside), last)
            .await?;
    }
    last += 1;
    let all = [&beside[..], &charges].concat();
    let names = all.join(" or ");
    let fault = case.fault(&format!(
        "the worker is killed where it changes a row of {names} for o-{last}"
    ));
    shop.killed_in_a_write(&mut worker, fault, (Change::Update, &all), last)
        .await?;
    last += 1;
    let fault = case.fault(&format!(
        "the worker is killed when its acknowledgement of o-{last} is on its way"
    ));
    shop.killed_before_the_acknowledgement(&mut worker, fault, last)
        .await?;
    last += 1;
    let fault = case.fault(&format!(
        "somebody reads the database while the worker charges o-{last}, and its commit has to wait"
    ));
    shop.killed_before_the_commit(&mut worker, fault, last)
        .await?;

    // The last command comes twice.
    last += 1;
    let twice = case.fault(&format!("the command for o-{last} is published twice"));
    shop.publish(last).await?;
    if twice.on() {
        shop.publish(last).await?;
        twice.outside(true);
    }
    let copies = 1 + usize::from(twice.on());
    shop.works(&mut worker, last, copies).await;
    twice.inside(shop.delivered(last) > 1);
    worker.program.kill().await;
    shop.judge(&worker, last).await
}

/// A queue of commands, a database, and what is on the way to the queue.
struct Shop {
    case: Case,
    rabbit: Arc<Broker>,
    wire: Arc<Proxy>,
    /// To RabbitMQ, past the proxy.
    past: rabbit::Shop,
    queue: String,
    database: Database,
}

struct Worker {
    program: Program,
    /// How many connections there were before it.
    before: u32,
}

impl Shop {
    async fn open(case: &Case) -> Result<Shop> {
        let rabbit = case.broker(Kind::RabbitMq).await?;
        let queue = rabbit.name("payments.payment.charge");
        let past = rabbit::Shop::open(rabbit.url()).await?;
        let queues = vec![queue.clone()];
        case.finally(rabbit::delete(rabbit.url().to_owned(), queues));
        past.work_queue(&queue, Default::default()).await?;
        Ok(Shop {
            case: case.clone(),
            wire: case.wire(&rabbit).await?,
            rabbit,
            past,
            queue,
            database: Database::create(&case.file("shop.db"), TABLE)?,
        })
    }

    async fn publish(&self, order: u32) -> Result<()> {
        let body = format!("o-{order}");
        self.past.send_with_id(&self.queue, &body, &id(order)).await
    }

    async fn start(&self) -> Result<Worker> {
        let before = self.wire.connected();
        let program = self.case.program("payments");
        let program = program
            .broker(&self.rabbit, self.wire.url())
            .env("CHARGES_QUEUE", &self.queue)
            .env("SHOP_DB", self.database.path().display().to_string());
        let program = program.start().await?;
        Ok(Worker { program, before })
    }

    /// A command comes, and the worker is killed when it does this to a row of one of these tables. The
    /// next one gets the command again.
    async fn killed_in_a_write(
        &self,
        worker: &mut Worker,
        fault: Fault,
        (change, tables): (Change, &[String]),
        order: u32,
    ) -> Result<()> {
        if !fault.on() {
            self.publish(order).await?;
            self.works(worker, order, 1).await;
            return Ok(());
        }
        worker.program.kill().await;
        let trap = self.database.trap(change, tables)?;
        let acknowledged = self.wire.count(ACK) + 1;
        *worker = self.start().await?;
        self.publish(order).await?;
        let is_charge = change == Change::Insert && tables == ["charges"];
        if self.reaches(worker, trap.sprung(), order).await {
            let place = format!("is writing into {}", tables.join(" or "));
            self.case.saw("payments", &place);
            // One that acknowledges before its work is done has time for it.
            let early = timeout(EARLY, self.wire.seen(ACK, acknowledged)).await;
            worker.program.kill().await;
            fault.outside(worker.program.is_gone());
            // What is written beside a charge may follow the acknowledgement: nothing comes again then.
            fault.inside(!is_charge && early.is_ok());
        } else if !worker.program.is_gone() && !is_charge {
            let names = tables.join(" or ");
            let not = match change {
                Change::Insert => format!("adds no row to {names}"),
                Change::Update => format!("changes no row of {names}"),
            };
            let text = format!("{not}: there is no such write to be killed in");
            fault.has_no_place("payments", &text);
            return trap.remove();
        }
        trap.remove()?;
        self.goes_on(worker, &fault, order).await
    }

    /// A command comes, and the worker is killed when its acknowledgement is on its way. It does not
    /// arrive.
    async fn killed_before_the_acknowledgement(
        &self,
        worker: &mut Worker,
        fault: Fault,
        order: u32,
    ) -> Result<()> {
        if !fault.on() {
            self.publish(order).await?;
            self.works(worker, order, 1).await;
            return Ok(());
        }
        worker.program.kill().await;
        let mut held = self.wire.hold(ACK, 1);
        *worker = self.start().await?;
        self.publish(order).await?;
        if self.reaches(worker, held.reached(), order).await {
            worker.program.kill().await;
            fault.outside(worker.program.is_gone());
            held.discard();
        }
        self.goes_on(worker, &fault, order).await
    }

    /// A command comes while somebody reads the database, so that no commit gets through. A worker that
    /// acknowledges the command all the same is killed.
    async fn killed_before_the_commit(
        &self,
        worker: &mut Worker,
        fault: Fault,
        order: u32,
    ) -> Result<()> {
        if !fault.on() {
            self.publish(order).await?;
            self.works(worker, order, 1).await;
            return Ok(());
        }
        let reader = self.database.reader("charges")?;
        self.case
            .saw("accounting", "reads the table charges for a while");
        let acknowledged = self.wire.count(ACK) + 1;
        self.publish(order).await?;
        // A worker may look for commands now and then only.
        worker.program.reaches(self.comes(order)).await;
        let since = Instant::now();
        let mut met = false;
        let begins = async {
            tokio::select! {
                () = reader.met() => met = true,
                // So it is where the journal is a write-ahead log: no commit waits, and nothing is lost.
                _ = self.wire.seen(ACK, acknowledged) => {}
            }
        };
        worker.program.reaches(timeout(READING, begins)).await;
        // Nothing tells when the worker is at its commit: it has as long for an acknowledgement as the
        // reading leaves, and half of that at most.
        let left = READING.saturating_sub(since.elapsed());
        let patience = left.clamp(EARLY, READING / 2);
        let early = timeout(patience, self.wire.seen(ACK, acknowledged)).await;
        if early.is_ok() {
            worker.program.kill().await;
        }
        let charged = self.charged().unwrap_or_default();
        if charged.iter().any(|(it, _)| *it == order) {
            let text =
                format!("commits the charge of o-{order} all the same: it has a write-ahead log");
            fault.has_no_place("payments", &text);
        } else {
            // It has the command, has begun to write or waits to, and nothing of that is there.
            fault.outside(met || reader.is_in_the_way()?);
            fault.inside(self.delivered(order) > 0);
        }
        reader.stop()?;
        if worker.program.is_gone() {
            *worker = self.start().await?;
        }
        self.works(worker, order, 1).await;
        Ok(())
    }

    /// Another worker gets the command again.
    async fn goes_on(&self, worker: &mut Worker, fault: &Fault, order: u32) -> Result<()> {
        if !worker.program.is_gone() {
            worker.program.kill().await;
        }
        let before = self.delivered(order);
        *worker = self.start().await?;
        self.works(worker, order, before + 1).await;
        fault.inside(self.delivered(order) > before);
        Ok(())
    }

    /// Waits for something that happens while the worker is at this order. False where it is through
    /// with it before, or ends.
    async fn reaches(&self, worker: &mut Worker, place: impl Future, order: u32) -> bool {
        let mut place = std::pin::pin!(place);
        let before = worker.before;
        let mut there = false;
        let either = async {
            tokio::select! {
                biased;
                _ = &mut place => there = true,
                () = self.worked(before, order, 1) => {
                    // It may have been seen on its way.
                    there = timeout(EARLY, place).await.is_ok();
                }
            }
        };
        if !worker.program.reaches(either).await {
            worker.program.ended().await;
        }
        there
    }

    /// Gives the worker the time that it needs for this order, of which so many copies are to come.
    async fn works(&self, worker: &mut Worker, order: u32, copies: usize) {
        let worked = self.worked(worker.before, order, copies);
        if !worker.program.reaches(worked).await {
            worker.program.ended().await;
        }
    }

    /// Returns when the order is charged and all that came is acknowledged; or when one of both is true
    /// and nothing more happens.
    async fn worked(&self, before: u32, order: u32, copies: usize) {
        let mut quiet: Option<Instant> = None;
        let mut look = tokio::time::interval(LOOK);
        loop {
            look.tick().await;
            let is_taken = matches!(self.past.ready(&self.queue).await, Ok((0, _)));
            let is_acknowledged = self.left(before) == 0;
            let is_charged = || {
                let charged = self.charged().unwrap_or_default();
                charged.iter().any(|(it, _)| *it == order) && self.delivered(order) >= copies
            };
            let is_charged = is_taken && is_charged();
            if !is_taken || !(is_acknowledged || is_charged) {
                quiet = None;
                continue;
            }
            let since = quiet.get_or_insert_with(Instant::now);
            if (is_acknowledged && is_charged) || since.elapsed() > LATE {
                return;
            }
        }
    }

    /// How many of the messages that this worker has been given are not acknowledged.
    fn left(&self, before: u32) -> usize {
        let frames = self.wire.frames();
        let own = frames.iter().filter(|frame| frame.connection > before);
        unacknowledged(own).len()
    }

    /// Returns once the command for this order has been delivered.
    async fn comes(&self, order: u32) {
        let mut look = tokio::time::interval(LOOK);
        while self.delivered(order) == 0 {
            look.tick().await;
        }
    }

    /// How often the command for this order has been delivered.
    fn delivered(&self, order: u32) -> usize {
        let (frames, id) = (self.wire.frames(), id(order));
        let own = frames.iter().filter(|frame| {
            let fields = frame
                .amqp()
                .filter(|_| [DELIVER, GET_OK].contains(&frame.kind));
            fields.and_then(|fields| fields.message_id.as_ref()) == Some(&id)
        });
        own.count()
    }

    /// The orders that are charged, each with its row. None while the worker writes.
    fn charged(&self) -> Option<Vec<(u32, String)>> {
        let rows = self.database.rows("charges", "order_id").ok()??;
        let orders = rows.into_iter().filter_map(|row| {
            let order = number(&row.text)?;
            Some((order, format!("row {}", row.number)))
        });
        Some(orders.collect())
    }

    /// The same, as soon as they can be read.
    async fn readable(&self) -> Option<Vec<(u32, String)>> {
        let read = async {
            let mut look = tokio::time::interval(LOOK);
            loop {
                look.tick().await;
                if let Some(charged) = self.charged() {
                    return charged;
                }
            }
        };
        timeout(LATE, read).await.ok()
    }

    async fn judge(&self, worker: &Worker, last: u32) -> Result<()> {
        let rows = self.database.rows("charges", "order_id")?;
        let rows = rows.context("somebody still writes into the database")?;
        let mut charged: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for row in rows {
            match number(&row.text) {
                Some(order) => charged
                    .entry(order)
                    .or_default()
                    .push(format!("row {}", row.number)),
                None => self.case.refuse(
                    "phantom",
                    format!("row {} of charges is about `{}`", row.number, row.text),
                ),
            }
        }
        let all = charged.iter();
        let all = all.flat_map(|(order, rows)| rows.iter().map(|row| (*order, row.clone())));
        self.case
            .each_at_least_once("the table charges", 1..=last, all);
        for (order, rows) in charged.iter().filter(|(_, rows)| rows.len() > 1) {
            let (count, rows) = (rows.len(), rows.join(" and "));
            let why = format!("o-{order} is charged {count} times: in {rows} of charges");
            self.case.refuse("duplicate-effect", why);
        }
        let left = match self.left(worker.before) {
            0 => self.past.ready(&self.queue).await?.0 as usize,
            left => left,
        };
        if left > 0 {
            let why = format!("{left} commands are not acknowledged");
            self.case.refuse("unacknowledged", why);
        }
        Ok(())
    }
}

/// The message id of the command for an order.
fn id(order: u32) -> String {
    format!("charge-o-{order}")
}
