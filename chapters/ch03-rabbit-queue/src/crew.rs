//! The worker processes: how the shop starts them, hears from them, kills one and sends them home.
//! Nothing here talks to RabbitMQ.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use history::{Event, Log, Verb};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::args::Args;

/// Two workers and what they say.
pub struct Crew {
    workers: Vec<Child>,
    lines: mpsc::Receiver<String>,
    crash_after: u32,
}

impl Crew {
    /// Starts two workers, the second one once the first one waits for orders: the first to
    /// consume is the first that the broker serves.
    pub async fn start(args: &Args, url: &str, log: &mut Log) -> Result<Crew> {
        let (sender, mut lines) = mpsc::channel(16);
        let mut workers = Vec::new();
        for number in 1..=2 {
            workers.push(spawn(args, url, number, sender.clone())?);
            let line = lines.recv().await;
            let line = line.context("no worker runs")?;
            let (lane, text) = history::lane(&line).context("a worker ended before it began")?;
            log.remark(lane, text);
        }
        Ok(Crew {
            workers,
            lines,
            crash_after: args.crash_after,
        })
    }

    /// Records what the workers do, kills the first one where that is asked for, and returns when
    /// `enough` orders are done or no worker is left.
    pub async fn watch(&mut self, log: &mut Log, enough: u32) -> Result<()> {
        while count(log, |event| event.verb == Verb::Done) < enough {
            let Some(line) = self.lines.recv().await else {
                break;
            };
            let event: Event = line.parse()?;
            let first_got = event.verb == Verb::Got && event.lane == "worker 1";
            let order = event.message;
            log.event(event);
            let got = |event: &Event| event.verb == Verb::Got && event.lane == "worker 1";
            if first_got && count(log, got) == self.crash_after {
                // SIGKILL: no goodbye to the broker, which sees a connection end and no more.
                self.workers[0].kill().await?;
                log.remark("worker 1", &format!("killed while it works on o-{order}"));
            }
        }
        Ok(())
    }

    /// Asks the workers to finish what they hold, by closing their standard input.
    pub fn dismiss(&mut self) {
        self.workers
            .iter_mut()
            .for_each(|worker| drop(worker.stdin.take()));
    }

    /// Records the rest of what they do and waits for their end.
    pub async fn go_home(mut self, log: &mut Log) -> Result<()> {
        self.dismiss();
        self.watch(log, u32::MAX).await?;
        for (index, worker) in self.workers.iter_mut().enumerate() {
            let killed = index == 0 && self.crash_after > 0;
            let ended = worker.wait().await?;
            ensure!(ended.success() || killed, "worker {} failed", index + 1);
        }
        Ok(())
    }
}

fn count(log: &Log, what: impl Fn(&Event) -> bool) -> u32 {
    let count = log.events().iter().filter(|event| what(event)).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn spawn(args: &Args, url: &str, number: u32, lines: mpsc::Sender<String>) -> Result<Child> {
    let mut worker = Command::new(std::env::current_exe()?)
        .args(["--ack", args.ack.name()])
        .args(["--work-ms", &args.work_ms.to_string()])
        .args(["worker", &number.to_string()])
        // In the environment and not in the arguments, which every user of the machine can list.
        .env("AMQP_URL", url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start a worker")?;
    let output = worker.stdout.take().context("a worker has no output")?;
    tokio::spawn(async move {
        let mut output = BufReader::new(output).lines();
        while let Ok(Some(line)) = output.next_line().await {
            if lines.send(line).await.is_err() {
                break;
            }
        }
    });
    Ok(worker)
}
