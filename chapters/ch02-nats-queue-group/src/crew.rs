//! The worker processes: how the shop starts them, hears from them, and sees one leave.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use async_nats::{Client, Request, RequestErrorKind};
use brokers::{Broker, Worker};
use futures_util::future::select_all;
use history::{Event, Log, Verb};
use tokio::time::timeout;

use crate::PATIENCE;

/// The members of the group, and what they say.
pub struct Crew {
    client: Client,
    subject: String,
    /// What each one listens to while it is connected.
    presence: Vec<String>,
    workers: Vec<Worker>,
    killed: bool,
}

impl Crew {
    /// A group that nobody has joined.
    pub fn new(client: Client, subject: String) -> Crew {
        Crew {
            client,
            subject,
            presence: Vec::new(),
            workers: Vec::new(),
            killed: false,
        }
    }

    /// Starts the next worker, and returns when the server knows it as a member.
    pub async fn join(&mut self, nats: &Broker, stands_at: u32, log: &mut Log) -> Result<()> {
        let (number, presence) = (self.workers.len() + 1, self.client.new_inbox());
        let (name, stands_at) = (number.to_string(), stands_at.to_string());
        let args = ["worker", &name, &self.subject, &presence, &stands_at];
        let mut worker = Worker::start(nats, args).context("cannot start a worker")?;
        let line = worker.line().await?.context("a worker ended at once")?;
        let (lane, text) = history::lane(&line).context("a worker broke down")?;
        log.remark(lane, text);
        self.presence.push(presence);
        self.workers.push(worker);
        Ok(())
    }

    /// The next line of any worker; none when all have ended.
    pub async fn line(&mut self) -> Result<Option<String>> {
        let mut open: Vec<&mut Worker> = self.workers.iter_mut().collect();
        while !open.is_empty() {
            let lines = open.iter_mut().map(|worker| Box::pin(worker.line()));
            let (line, index, others) = select_all(lines).await;
            drop(others);
            if let Some(line) = line? {
                return Ok(Some(line));
            }
            open.remove(index);
        }
        Ok(None)
    }

    /// Records what the workers do until one has said this.
    pub async fn until(&mut self, last: &str, log: &mut Log) -> Result<()> {
        while let Some(line) = timeout(PATIENCE, self.line()).await?? {
            log.hear(&line).context("a worker broke down")?;
            if line == last {
                return Ok(());
            }
        }
        bail!("the workers ended before `{last}`");
    }

    /// Takes the workers' word until so many cards are charged. Which worker had which order is
    /// chance, and so is the order of their lines: only the ledger is shown, by order number.
    pub async fn charge_together(&mut self, count: usize, log: &mut Log) -> Result<()> {
        let mut ledger = Vec::new();
        while ledger.len() < count {
            let line = timeout(PATIENCE, self.line()).await??;
            let event: Event = line.context("the workers ended too early")?.parse()?;
            if event.verb == Verb::Done {
                ledger.push(event.message);
            }
        }
        ledger.sort_unstable();
        for order in ledger {
            log.event(Event::new("payments", Verb::Done, order).text("by one of the two"));
        }
        Ok(())
    }

    /// Kills worker 1, and returns when the server has noticed.
    pub async fn kill_first(&mut self, log: &mut Log) -> Result<()> {
        // SIGKILL: no goodbye to the server, which sees a connection end and no more.
        self.workers[0].kill().await?;
        self.killed = true;
        log.remark("worker 1", "killed while it works on o-2");
        timeout(PATIENCE, self.gone(&self.presence[0])).await?
    }

    /// Asks worker 1 to leave, and returns when the server deals nothing more to it.
    pub async fn ask_first_to_leave(&mut self, log: &mut Log) -> Result<()> {
        self.workers[0].dismiss();
        self.until("worker 1  leaves the group", log).await
    }

    /// Asks all to leave, and returns when they have ended.
    pub async fn go_home(mut self, log: &mut Log) -> Result<()> {
        self.workers.iter_mut().for_each(Worker::dismiss);
        while let Some(line) = timeout(PATIENCE, self.line()).await?? {
            log.hear(&line).context("a worker broke down")?;
        }
        for (index, worker) in self.workers.iter_mut().enumerate() {
            let killed = self.killed && index == 0;
            ensure!(worker.ended().await?.success() || killed, "a worker failed");
        }
        Ok(())
    }

    /// Waits until nobody listens to a worker's presence.
    async fn gone(&self, presence: &str) -> Result<()> {
        loop {
            let ask = Request::new().timeout(Some(Duration::from_millis(100)));
            match self.client.send_request(presence.to_owned(), ask).await {
                Err(error) if error.kind() == RequestErrorKind::NoResponders => return Ok(()),
                Err(error) if error.kind() == RequestErrorKind::TimedOut => {}
                Err(error) => return Err(error.into()),
                Ok(_) => bail!("somebody answers in a worker's name"),
            }
        }
    }
}
