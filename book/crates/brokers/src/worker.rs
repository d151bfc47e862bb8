//! The running program once more, as a process of its own that a fault can strike alone.

use std::ffi::OsStr;
use std::io;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::Broker;

/// A service or worker of a listing: the same program, started again in a role.
///
/// Drop it and it is killed. It should wait for [`crate::parent_gone`] as well, so that it ends
/// when the program that started it is killed.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    /// Starts this program with other arguments. It finds the broker's address in the environment
    /// variable of its kind: an argument could be listed by every user of the machine.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn start<I, S>(broker: &Broker, args: I) -> io::Result<Worker>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut child = Command::new(std::env::current_exe()?)
            .args(args)
            .env(broker.kind().variable(), broker.url())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = child.stdout.take();
        let output = output.ok_or_else(|| io::Error::other("the process has no output"))?;
        Ok(Worker {
            child,
            lines: BufReader::new(output).lines(),
        })
    }

    /// The next line that it prints; none once it has ended. May be dropped before it is ready.
    ///
    /// # Errors
    /// When the line is no text.
    pub async fn line(&mut self) -> io::Result<Option<String>> {
        self.lines.next_line().await
    }

    /// SIGKILL: it does nothing any more, says nothing to anybody, and is gone when this returns.
    ///
    /// # Errors
    /// When the process cannot be waited for.
    pub async fn kill(&mut self) -> io::Result<()> {
        self.child.kill().await
    }

    /// SIGTERM: it is asked to end, as a service manager or an orchestrator asks.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn terminate(&self) -> io::Result<()> {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        let pid = pid.and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("the process has ended already"))?;
        Ok(rustix::process::kill_process(pid, Signal::TERM)?)
    }

    /// Closes its standard input, for which [`crate::parent_gone`] waits.
    pub fn dismiss(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Dismisses it and waits for its end. Read its lines to the last one before.
    ///
    /// # Errors
    /// When the process cannot be waited for.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }
}
