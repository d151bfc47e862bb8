//! The two worker processes: how the shop starts them, hears from them, kills one and sends them
//! home. Nothing here talks to NATS.

use anyhow::{Context, Result, ensure};
use brokers::{Broker, Worker};
use history::{Event, Log, Verb};
use tokio::time::timeout;

use crate::PATIENCE;
use crate::args::{Args, Switch};

/// Two workers.
pub struct Crew {
    first: Worker,
    second: Worker,
    crash: bool,
}

impl Crew {
    /// Starts two workers, the second one once the first one asks for orders: who asks first is
    /// served first.
    pub async fn start(args: &Args, nats: &Broker, stream: &str, log: &mut Log) -> Result<Crew> {
        let start = |number| {
            let progress = args.progress.name();
            Worker::start(nats, ["--progress", progress, "worker", number, stream])
        };
        let mut first = start("1").context("cannot start a worker")?;
        heard(&mut first, log).await?;
        let mut second = start("2").context("cannot start a worker")?;
        heard(&mut second, log).await?;
        Ok(Crew {
            first,
            second,
            crash: args.crash == Switch::Yes,
        })
    }

    /// Records what they do until each of so many orders is packed.
    pub async fn pack(&mut self, orders: u32, log: &mut Log) -> Result<()> {
        let packed = |log: &Log, order| {
            let done = |event: &Event| event.verb == Verb::Done && event.message == order;
            log.events().iter().any(done)
        };
        while !(1..=orders).all(|order| packed(log, order)) {
            let line = timeout(PATIENCE, self.line()).await??;
            let line = line.context("the workers ended too early")?;
            log.hear(&line).context("a worker broke down")?;
            if self.crash && line == "worker 2  got o-2" {
                // SIGKILL: no goodbye to the server.
                self.second.kill().await?;
                log.remark("worker 2", "killed while it packs o-2");
            }
        }
        Ok(())
    }

    /// Sends them home, and records what they still finish.
    pub async fn go_home(mut self, log: &mut Log) -> Result<()> {
        self.first.dismiss();
        self.second.dismiss();
        while let Some(line) = timeout(PATIENCE, self.line()).await?? {
            log.hear(&line).context("a worker broke down")?;
        }
        let first = self.first.ended().await?.success();
        let second = self.second.ended().await?.success();
        ensure!(first && (second || self.crash), "a worker failed");
        Ok(())
    }

    /// The next line of either; none when both have ended.
    async fn line(&mut self) -> Result<Option<String>> {
        tokio::select! {
            Some(line) = async { self.first.line().await.transpose() } => Ok(Some(line?)),
            Some(line) = async { self.second.line().await.transpose() } => Ok(Some(line?)),
            else => Ok(None),
        }
    }
}

/// Records the next line of one.
async fn heard(worker: &mut Worker, log: &mut Log) -> Result<()> {
    let line = timeout(PATIENCE, worker.line()).await??;
    let line = line.context("a worker ended at once")?;
    log.hear(&line).context("a worker broke down")
}
