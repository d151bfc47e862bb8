//! A program that a page has started.

use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result};
use brokers::{Group, Guard, leftovers};
use tokio::process::{ChildStderr, ChildStdout, Command};

/// A program in a process group of its own. It ends with this server at the latest, in whatever
/// way that ends, and so does all that it has started where it is marked.
pub struct Child {
    group: Group,
    guard: Guard,
    pid: u32,
    mark: Option<String>,
}

impl Child {
    /// Starts a command made by [`brokers::gated`]. Its standard input is empty.
    pub async fn start(command: &mut Command, mark: Option<String>) -> Result<Child> {
        let mut guard = Guard::new()?;
        if let Some(mark) = &mark {
            command.env(leftovers::VARIABLE, mark);
            guard.mark(mark).await?;
        }
        let mut group = Group::spawn(command).context("cannot start /bin/sh")?;
        let pid = guard.admit(&mut group.child).await?;
        drop(group.child.stdin.take());
        Ok(Child {
            group,
            guard,
            pid,
            mark,
        })
    }

    /// What it prints; to be asked for once.
    pub fn output(&mut self) -> Result<(ChildStdout, ChildStderr)> {
        let child = &mut self.group.child;
        let both = child.stdout.take().zip(child.stderr.take());
        both.context("a program has no output")
    }

    /// Waits for its end, and ends what it has left behind, which may hold its output open. May be
    /// dropped half-way.
    pub async fn ended(&self) -> Result<()> {
        let ended = self.group.ended().await;
        ended.context("cannot wait for a program")?;
        self.kill().await;
        Ok(())
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        self.group.terminate();
    }

    /// Asks it to end, for which it has this long, and then does what [`Child::end`] does.
    pub async fn close(self, patience: Duration) -> Result<ExitStatus> {
        self.terminate();
        // What does not end is ended.
        let _ = tokio::time::timeout(patience, self.group.ended()).await;
        self.end().await
    }

    /// Ends it and all that it has started, and returns when it is gone.
    pub async fn end(mut self) -> Result<ExitStatus> {
        self.kill().await;
        let status = self.group.wait().await;
        self.guard.gone(self.pid).await?;
        status.context("cannot wait for a program")
    }

    async fn kill(&self) {
        self.group.kill();
        if let Some(mark) = &self.mark {
            leftovers::end(mark, Some(self.pid)).await;
        }
    }
}
