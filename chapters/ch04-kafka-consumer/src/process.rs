//! The consumer processes: how the shop starts one, hears from it, kills it or sends it home.
//! Nothing here talks to Kafka.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use history::{Event, Log, lane};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::args::{Args, word};

/// Longer than any consumer is silent, also where a dead member of an earlier run still holds the
/// partition.
const SILENCE: Duration = Duration::from_secs(30);

/// A running consumer and what it says.
pub struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    number: u32,
}

impl Process {
    /// Starts the consumer of this number.
    pub fn start(args: &Args, number: u32, url: &str, topic: &str, group: &str) -> Result<Process> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--commit", &word(&args.commit)])
            .args(["--accident", &word(&args.accident)])
            .args(["--reset", &word(&args.reset)])
            .args(["consumer", &number.to_string(), topic, group])
            .env("KAFKA_BOOTSTRAP_SERVERS", url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start a consumer")?;
        let output = child.stdout.take().context("a consumer has no output")?;
        let lines = BufReader::new(output).lines();
        Ok(Process {
            child,
            lines,
            number,
        })
    }

    /// Records what it does until it has said one of these, as often as this.
    pub async fn watch(&mut self, log: &mut Log, until: &[(&str, usize)]) -> Result<()> {
        let mut said = vec![0; until.len()];
        while !said
            .iter()
            .zip(until)
            .any(|(said, (_, times))| said == times)
        {
            let line = timeout(SILENCE, self.lines.next_line()).await;
            let line = line.context("a consumer says nothing any more")??;
            let line = line.context("a consumer ended before its time")?;
            let (lane, text) = lane(&line).context("a line without a lane")?;
            for (said, (words, _)) in said.iter_mut().zip(until) {
                *said += usize::from(text.starts_with(words));
            }
            match line.parse::<Event>() {
                Ok(event) => log.event(event),
                Err(_) => log.remark(lane, text),
            }
        }
        Ok(())
    }

    /// SIGKILL: no goodbye to Kafka, and no commit after this.
    pub async fn kill(mut self, log: &mut Log) -> Result<()> {
        self.child.kill().await?;
        log.remark(&format!("consumer {}", self.number), "killed");
        Ok(())
    }

    /// Asks it to leave, by closing its standard input, and waits for its end.
    pub async fn go_home(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        while self.lines.next_line().await?.is_some() {}
        let ended = self.child.wait().await?;
        ensure!(ended.success(), "consumer {} failed", self.number);
        Ok(())
    }
}
