//! `cargo book up`: warm brokers, as long as it runs.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use brokers::{Broker, Kind};

use super::Name;
use super::keeper::{Claim, Keeper};
use crate::output;
use crate::signals::{self, Stop};

/// Start brokers and keep them until Ctrl-C, SIGTERM or `cargo book down`
///
/// Listings find them by themselves. The brokers start side by side; one that does not
/// start is told at once, the others stay. Exit code 0, or 1 where one did not start.
#[derive(clap::Args)]
pub struct Args {
    /// Which ones; without any, all three
    #[arg(value_name = "BROKER")]
    brokers: Vec<Name>,
    /// The port of NATS, else a free one
    #[arg(long, value_name = "N")]
    nats_port: Option<u16>,
    /// The port of RabbitMQ, else a free one
    #[arg(long, value_name = "N")]
    rabbitmq_port: Option<u16>,
    /// The port of Kafka, else a free one
    #[arg(long, value_name = "N")]
    kafka_port: Option<u16>,
}

impl Args {
    /// The brokers to start, with their ports.
    fn wanted(&self) -> Vec<(Kind, Option<u16>)> {
        let all = [
            (Kind::Nats, self.nats_port),
            (Kind::RabbitMq, self.rabbitmq_port),
            (Kind::Kafka, self.kafka_port),
        ];
        let named: Vec<Kind> = self.brokers.iter().copied().map(Kind::from).collect();
        let meant = |(kind, _): &(Kind, Option<u16>)| named.is_empty() || named.contains(kind);
        all.into_iter().filter(meant).collect()
    }
}

/// Keeps the brokers until it is told to stop.
pub fn run(args: Args) -> Result<ExitCode> {
    signals::block_on(async {
        let mut stop = Stop::listen()?;
        let claim = match Claim::take()? {
            Ok(claim) => claim,
            Err(pid) => bail!(
                "warm brokers are kept already, by process {pid}; `cargo book status` shows them, \
                 `cargo book down` ends them"
            ),
        };
        let wanted = args.wanted();
        let mut keeper = tokio::select! {
            _ = stop.wait() => return Ok(ExitCode::SUCCESS),
            keeper = Keeper::start(claim, &wanted, tell) => keeper?,
        };
        if keeper.is_empty() {
            keeper.stop().await?;
            bail!("no broker started");
        }
        eprintln!("Ctrl-C ends them");
        tokio::select! {
            _ = stop.wait() => {}
            () = keeper.tend() => {}
        }
        let all = keeper.failed.is_empty();
        keeper.stop().await?;
        Ok(if all {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    })
}

/// Tells of a broker that is ready, and how long that took.
pub fn tell(broker: &Broker, took: Duration) -> Result<()> {
    let (kind, version, url) = (broker.kind(), broker.version(), broker.url());
    let seconds = took.as_secs_f64();
    output::line(format_args!(
        "ready  {kind} {version}  {url}  {seconds:.2} s"
    ))
}
