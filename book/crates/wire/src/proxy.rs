//! The proxy as its user sees it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::act::{Gate, Rule, What};
use crate::address::{Address, Url};
use crate::ledger::Ledger;
use crate::reader::Protocol;
use crate::shared::Shared;
use crate::weather::Weather;
use crate::{Act, Error, Frame, Held, Kind, Session, Strike, Way};

/// Stands between clients and their broker. It ends with this value.
pub struct Proxy {
    url: String,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Begins to listen, for clients of the NATS at `url`: `nats://HOST:PORT`, or several of them
    /// with commas between.
    ///
    /// # Errors
    /// When the address is none, none of the servers can be reached, or there is no port to listen
    /// on.
    pub async fn nats(url: &str) -> Result<Proxy, Error> {
        let read = |one: &str| Url::read(one.trim(), "nats", 4222);
        let all: Vec<Url> = url.split(',').map(read).collect::<Result<_, _>>()?;
        let servers = all.iter().map(|url| url.address.clone()).collect();
        Proxy::new(Protocol::Nats, servers, |port| all[0].at(port)).await
    }

    /// Begins to listen, for clients of the RabbitMQ at `url`: `amqp://USER:PASSWORD@HOST:PORT/VHOST`.
    ///
    /// # Errors
    /// As [`Proxy::nats`].
    pub async fn amqp(url: &str) -> Result<Proxy, Error> {
        let url = Url::read(url, "amqp", 5672)?;
        let servers = vec![url.address.clone()];
        Proxy::new(Protocol::Amqp, servers, |port| url.at(port)).await
    }

    /// Begins to listen, for clients of the Kafka with these `bootstrap.servers`.
    ///
    /// # Errors
    /// As [`Proxy::nats`].
    pub async fn kafka(servers: &str) -> Result<Proxy, Error> {
        let all = Address::list(servers)?;
        Proxy::new(Protocol::Kafka, all, |port| format!("127.0.0.1:{port}")).await
    }

    async fn new(
        protocol: Protocol,
        all: Vec<Address>,
        url: impl FnOnce(u16) -> String,
    ) -> Result<Proxy, Error> {
        // A broker that is not there is told here, and not by a client that tries for ever.
        let reached = Address::connect(&all).await;
        reached.map_err(|source| Error::Unreachable {
            servers: Address::listed(&all),
            source,
        })?;
        let shared = Arc::new(Shared::new(protocol));
        let url = url(shared.open(all)?);
        Ok(Proxy { url, shared })
    }

    /// Where clients find it: the address of the broker, user and virtual host included, with the
    /// proxy's own host and port in it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What becomes of the `nth` frame of this kind from now on, on whichever connection; 1 is the
    /// next one, and so is 0.
    ///
    /// Where several of these name one frame, the first counts, and the next frame of the kind is the
    /// others'.
    pub fn on(&self, kind: Kind, nth: u32, act: Act) {
        self.rule(kind, nth, What::Act(act));
    }

    /// Lets the `nth` frame of this kind from now on wait in the proxy, until [`Held`] says what
    /// becomes of it. So a fault is aimed: wait for the frame, end a process, let the frame go.
    pub fn hold(&self, kind: Kind, nth: u32) -> Held {
        let (reach, reached) = oneshot::channel();
        let (verdict, decided) = oneshot::channel();
        let gate = Gate {
            reached: Some(reach),
            verdict: decided,
        };
        self.rule(kind, nth, What::Hold(gate));
        Held {
            shared: self.shared.clone(),
            reached,
            frame: None,
            verdict,
        }
    }

    fn rule(&self, kind: Kind, nth: u32, what: What) {
        let before = nth.saturating_sub(1);
        self.shared.rule(Rule { kind, before, what });
    }

    /// Whatever passes from now on takes so long, each way.
    pub fn delay(&self, delay: Duration) {
        self.weather(|weather| weather.delay = delay);
    }

    /// From now on so many bytes pass in a second, each way of each connection; at least 1.
    pub fn bandwidth(&self, bytes_per_second: u64) {
        self.weather(|weather| weather.bandwidth = Some(bytes_per_second.max(1)));
    }

    /// From now on nothing passes this way. Connections stay open, and new ones are taken and hear
    /// nothing. What is sent waits in the proxy, and later in its sender. What the proxy has already
    /// given to the socket, 64 KiB and a frame at most, still arrives.
    pub fn partition(&self, way: Way) {
        self.weather(|weather| weather.partition(way));
    }

    /// From now on the proxy takes no new connections: they end with a reset. Those that are open
    /// stay.
    pub fn refuse(&self) {
        self.weather(|weather| weather.refused = true);
    }

    /// Ends the delay, the limit of the bandwidth, the partition and the refusal. What they have held
    /// up passes; what a delay has already been given to comes when it is due.
    pub fn heal(&self) {
        self.weather(|weather| *weather = Weather::default());
    }

    fn weather(&self, change: impl FnOnce(&mut Weather)) {
        self.shared.weather.send_modify(change);
    }

    /// Ends all connections now, with a reset. What waits in the proxy is lost. Gives the number of
    /// connections.
    pub fn reset(&self) -> u32 {
        let open = self.connections();
        self.shared.resets.send_modify(|resets| *resets += 1);
        open
    }

    /// How many frames of this kind have come, whether or not they went on.
    pub fn count(&self, kind: Kind) -> u64 {
        self.shared.look(|ledger| ledger.count(kind))
    }

    /// Returns once so many frames of this kind have come.
    ///
    /// # Errors
    /// When the proxy could not do its work.
    pub async fn seen(&self, kind: Kind, count: u64) -> Result<(), Arc<Error>> {
        self.until(|ledger| ledger.count(kind) >= count).await
    }

    /// Returns once so many frames have met with what [`on`](Proxy::on) or [`hold`](Proxy::hold) had
    /// for them.
    ///
    /// # Errors
    /// When the proxy could not do its work.
    pub async fn struck(&self, count: u64) -> Result<(), Arc<Error>> {
        self.until(|ledger| ledger.struck >= count).await
    }

    /// Those frames, in the order in which it happened; the first 10,000.
    pub fn strikes(&self) -> Vec<Strike> {
        self.shared.look(|ledger| ledger.strikes.clone())
    }

    /// How many frames a partition has held up so far.
    pub fn withheld(&self) -> u64 {
        self.shared.look(|ledger| ledger.withheld)
    }

    /// When it began to listen: the moment from which all its times count.
    pub fn begun(&self) -> Instant {
        self.shared.begun()
    }

    /// How many connections are open. One that a rule has cut is not.
    pub fn connections(&self) -> u32 {
        self.shared.look(|ledger| ledger.open)
    }

    /// How many connections there have been.
    pub fn connected(&self) -> u32 {
        self.shared.look(|ledger| ledger.opened)
    }

    /// Those connections, in the order of their numbers; the first 10,000.
    pub fn sessions(&self) -> Vec<Session> {
        self.shared.look(|ledger| ledger.sessions.clone())
    }

    /// Returns once no connection is open.
    ///
    /// # Errors
    /// When the proxy could not do its work.
    pub async fn closed(&self) -> Result<(), Arc<Error>> {
        self.until(|ledger| ledger.open == 0).await
    }

    /// The frames that have come, in their order: the first 10,000, and of each payload and each text
    /// 4 KiB at most.
    pub fn frames(&self) -> Vec<Frame> {
        self.shared.look(|ledger| ledger.frames.clone())
    }

    /// Those after the first `seen`; waits until there is one. None comes once the proxy could not do
    /// its work.
    pub async fn frames_after(&self, seen: usize) -> Vec<Frame> {
        let see = |ledger: &Ledger| {
            let more = ledger.frames.get(seen..).unwrap_or_default();
            let over = ledger.problem.is_some();
            (over || !more.is_empty()).then(|| more.to_vec())
        };
        self.shared.until(see).await
    }

    /// How many frames have come that are not kept.
    pub fn left_out(&self) -> u64 {
        self.shared.look(|ledger| ledger.left_out)
    }

    async fn until(&self, shown: impl Fn(&Ledger) -> bool) -> Result<(), Arc<Error>> {
        let see = |ledger: &Ledger| match &ledger.problem {
            Some(problem) => Some(Err(problem.clone())),
            None => shown(ledger).then_some(Ok(())),
        };
        self.shared.until(see).await
    }

    /// Ends it: no port, no connection and no task is left.
    ///
    /// # Errors
    /// When it could not do its work.
    pub async fn stop(self) -> Result<(), Arc<Error>> {
        if let Some(mut tasks) = self.shared.take() {
            tasks.shutdown().await;
        }
        let problem = self.shared.look(|ledger| ledger.problem.clone());
        problem.map_or(Ok(()), Err)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The tasks end with their set.
        drop(self.shared.take());
    }
}
