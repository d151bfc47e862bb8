//! The worker processes: how the shop starts them, hears from them, kills one and sends them home.
//! Nothing here talks to RabbitMQ.

use anyhow::{Context, Result, ensure};
use brokers::{Broker, Worker};
use history::{Event, Log, Verb};

use crate::args::Args;

/// Two workers and what they say.
pub struct Crew {
    first: Worker,
    second: Worker,
    crash_after: u32,
}

impl Crew {
    /// Starts two workers, the second one once the first one waits for orders: the first to
    /// consume is the first that the broker serves.
    pub async fn start(args: &Args, rabbit: &Broker, log: &mut Log) -> Result<Crew> {
        Ok(Crew {
            first: worker(args, args.crash_after, rabbit, "1", log).await?,
            second: worker(args, 0, rabbit, "2", log).await?,
            crash_after: args.crash_after,
        })
    }

    /// Records what the workers do, kills the first one where that is asked for, and returns when
    /// `enough` orders are done or no worker is left.
    pub async fn watch(&mut self, log: &mut Log, enough: u32) -> Result<()> {
        while count(log, |event| event.verb == Verb::Done) < enough {
            let Some(line) = self.line().await? else {
                break;
            };
            let event: Event = line.parse()?;
            let first_got = event.verb == Verb::Got && event.lane == "worker 1";
            let order = event.message;
            log.event(event);
            let got = |event: &Event| event.verb == Verb::Got && event.lane == "worker 1";
            if first_got && count(log, got) == self.crash_after {
                // SIGKILL: no goodbye to the broker, which sees a connection end and no more.
                self.first.kill().await?;
                log.remark("worker 1", &format!("killed while it works on o-{order}"));
            }
        }
        Ok(())
    }

    /// Asks the workers to finish what they hold, by closing their standard input.
    pub fn dismiss(&mut self) {
        self.first.dismiss();
        self.second.dismiss();
    }

    /// Records the rest of what they do and waits for their end.
    pub async fn go_home(mut self, log: &mut Log) -> Result<()> {
        self.dismiss();
        self.watch(log, u32::MAX).await?;
        let first = self.first.ended().await?.success();
        ensure!(first || self.crash_after > 0, "worker 1 failed");
        ensure!(self.second.ended().await?.success(), "worker 2 failed");
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

fn count(log: &Log, what: impl Fn(&Event) -> bool) -> u32 {
    let count = log.events().iter().filter(|event| what(event)).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Starts one, and returns when it waits for orders.
async fn worker(
    args: &Args,
    crash_after: u32,
    rabbit: &Broker,
    number: &str,
    log: &mut Log,
) -> Result<Worker> {
    let (work_ms, crash_after) = (args.work_ms.to_string(), crash_after.to_string());
    let knobs = ["--ack", args.ack.name(), "--work-ms", &work_ms];
    let crash = ["--crash-after", &crash_after, "worker", number];
    let worker = Worker::start(rabbit, knobs.iter().chain(&crash));
    let mut worker = worker.context("cannot start a worker")?;
    let line = worker.line().await?;
    let line = line.context("a worker ended before it began")?;
    log.hear(&line).context("a worker broke down")?;
    Ok(worker)
}
