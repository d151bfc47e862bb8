//! The consumer processes: how the shop starts one, hears from it, kills it or sends it home.
//! Nothing here talks to Kafka.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use brokers::{Broker, Worker};
use history::{Log, lane};
use tokio::time::timeout;

use crate::args::{Args, word};

/// Longer than any consumer is silent, also where a dead member of an earlier run still holds the
/// partition.
const SILENCE: Duration = Duration::from_secs(30);

/// A running consumer.
pub struct Process {
    worker: Worker,
    number: u32,
}

impl Process {
    /// Starts the consumer of this number.
    pub fn start(
        args: &Args,
        number: u32,
        kafka: &Broker,
        topic: &str,
        group: &str,
    ) -> Result<Process> {
        let (commit, accident) = (word(&args.commit), word(&args.accident));
        let (reset, consumer) = (word(&args.reset), number.to_string());
        let knobs = [
            "--commit",
            &commit,
            "--accident",
            &accident,
            "--reset",
            &reset,
        ];
        let role = ["consumer", &consumer, topic, group];
        let worker = Worker::start(kafka, knobs.iter().chain(&role));
        let worker = worker.context("cannot start a consumer")?;
        Ok(Process { worker, number })
    }

    /// Records what it does until it has said one of these, as often as this.
    pub async fn watch(&mut self, log: &mut Log, until: &[(&str, usize)]) -> Result<()> {
        let mut said = vec![0; until.len()];
        while !said
            .iter()
            .zip(until)
            .any(|(said, (_, times))| said == times)
        {
            let line = timeout(SILENCE, self.worker.line()).await;
            let line = line.context("a consumer says nothing any more")??;
            let line = line.context("a consumer ended before its time")?;
            let (_, text) = lane(&line).context("a line without a lane")?;
            for (said, (words, _)) in said.iter_mut().zip(until) {
                *said += usize::from(text.starts_with(words));
            }
            log.hear(&line)?;
        }
        Ok(())
    }

    /// SIGKILL: no goodbye to Kafka, and no commit after this.
    pub async fn kill(mut self, log: &mut Log) -> Result<()> {
        self.worker.kill().await?;
        log.remark(&format!("consumer {}", self.number), "killed");
        Ok(())
    }

    /// Asks it to leave, by closing its standard input, and waits for its end.
    pub async fn go_home(mut self) -> Result<()> {
        self.worker.dismiss();
        while self.worker.line().await?.is_some() {}
        let ended = self.worker.ended().await?;
        ensure!(ended.success(), "consumer {} failed", self.number);
        Ok(())
    }
}
