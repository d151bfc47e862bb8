//! The signals that end a command.

use std::future::Future;
use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-C, SIGTERM and the end of the terminal, as one event to wait for.
pub struct Stop {
    interrupt: Signal,
    terminate: Signal,
    /// None where the command is to outlive its terminal.
    hangup: Option<Signal>,
}

impl Stop {
    /// Takes the three signals over from their default action. Do this before
    /// anything starts that must not outlive the command.
    pub fn listen() -> Result<Stop> {
        let take = |kind| signal(kind).context("cannot listen for signals");
        let ends_with_its_terminal = !brokers::outlives_its_terminal();
        Ok(Stop {
            interrupt: take(SignalKind::interrupt())?,
            terminate: take(SignalKind::terminate())?,
            hangup: ends_with_its_terminal
                .then(|| take(SignalKind::hangup()))
                .transpose()?,
        })
    }

    /// Waits for the first of them and gives the exit code of a command that it cut
    /// short, as a shell counts: 128 and the signal's number.
    pub async fn wait(&mut self) -> ExitCode {
        let hung_up = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => ExitCode::from(130),
            _ = self.terminate.recv() => ExitCode::from(143),
            _ = hung_up => ExitCode::from(129),
        }
    }
}

/// Does the work of a command that ends by itself. A signal cuts it short: the work is
/// dropped where it stands, and with it what it started.
pub fn interruptible(work: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    block_on(async {
        let mut stop = Stop::listen()?;
        tokio::select! {
            cut_short = stop.wait() => Ok(cut_short),
            done = work => done,
        }
    })
}

/// Runs the work of a command to its end, and nothing longer: what still runs in the
/// background then is left where it is.
pub fn block_on(work: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    done
}
