//! Starts the warm brokers, tells where they are, tends and ends them.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use brokers::warm::{self, State};
use brokers::{Broker, Kind, Options, cache};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

/// How often used virtual hosts of RabbitMQ are looked for.
const TEND: Duration = Duration::from_secs(1);

/// Held by the one process that keeps warm brokers; the operating system takes it back
/// however that process ends. The file holds the process id.
pub struct Claim(#[expect(dead_code, reason = "the lock lives as long as the open file")] File);

impl Claim {
    /// Takes it, or gives the id of the process that has it; 0 if that has not said yet.
    pub fn take() -> Result<Result<Claim, u32>> {
        let path = cache::folder()?.join("up.lock");
        let what = || format!("cannot lock {}", path.display());
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        let mut file = options.open(&path).with_context(what)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                file.read_to_string(&mut pid).with_context(what)?;
                return Ok(Err(pid.trim().parse().unwrap_or_default()));
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(what),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()))
            .with_context(what)?;
        Ok(Ok(Claim(file)))
    }
}

/// The state file as long as it is true: it goes when this is dropped.
struct Published(State);

impl Published {
    fn add(&mut self, broker: &Broker) -> Result<()> {
        self.0.add(broker);
        Ok(self.0.write()?)
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        if let Err(error) = self.0.remove() {
            eprintln!("error: {error}");
        }
    }
}

/// The running brokers of this process.
pub struct Keeper {
    state: Published,
    brokers: Vec<Broker>,
    /// Brokers that did not start.
    pub failed: Vec<Kind>,
    _claim: Claim,
}

impl Keeper {
    /// Starts these brokers side by side, each on its port where one is given. Calls `tell`
    /// with each that is ready, and says what kept another from starting.
    pub async fn start(
        claim: Claim,
        wanted: &[(Kind, Option<u16>)],
        tell: impl Fn(&Broker, Duration) -> Result<()>,
    ) -> Result<Keeper> {
        let mut state = Published(State::new()?);
        state.0.write()?;
        let mut starting: FuturesUnordered<_> = wanted
            .iter()
            .map(|&(kind, port)| start_one(kind, port))
            .collect();
        let (mut brokers, mut failed) = (Vec::new(), Vec::new());
        while let Some((kind, started)) = starting.next().await {
            match started {
                Ok((broker, took)) => {
                    if kind == Kind::RabbitMq {
                        warm::all_clean()?;
                    }
                    state.add(&broker)?;
                    tell(&broker, took)?;
                    brokers.push(broker);
                }
                Err(error) => {
                    eprintln!("error: {error}");
                    failed.push(kind);
                }
            }
        }
        drop(starting);
        Ok(Keeper {
            state,
            brokers,
            failed,
            _claim: claim,
        })
    }

    /// Whether there is anything to keep.
    pub fn is_empty(&self) -> bool {
        self.brokers.is_empty()
    }

    /// Gives used virtual hosts back, again and again. Ends only by being dropped.
    pub async fn tend(&mut self) {
        let mut told = false;
        let mut ticks = tokio::time::interval(TEND);
        loop {
            ticks.tick().await;
            let rabbit = |it: &&mut Broker| it.kind() == Kind::RabbitMq;
            let Some(rabbit) = self.brokers.iter_mut().find(rabbit) else {
                std::future::pending::<()>().await;
                continue;
            };
            if let Err(error) = warm::tend(rabbit).await {
                if !told {
                    eprintln!("error: RabbitMQ's used virtual hosts stay used: {error}");
                }
                told = true;
            }
        }
    }

    /// Ends the brokers and waits until they are gone.
    pub async fn stop(self) -> Result<()> {
        drop(self.state);
        let mut stopping: FuturesUnordered<_> =
            self.brokers.into_iter().map(Broker::stop).collect();
        while let Some(stopped) = stopping.next().await {
            stopped?;
        }
        Ok(())
    }
}

/// A broker that is neither the reader's own nor a warm one.
async fn start_one(
    kind: Kind,
    port: Option<u16>,
) -> (Kind, Result<(Broker, Duration), brokers::Error>) {
    let begun = Instant::now();
    let options = Options {
        port,
        private: true,
        warm_host: true,
        ..Options::default()
    };
    let started = brokers::start(kind, options).await;
    (kind, started.map(|broker| (broker, begun.elapsed())))
}
