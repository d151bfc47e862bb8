//! A program and all that it starts, ended together.

use std::process::ExitStatus;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::{Child, Command};

/// A child that leads a process group. Dropping it kills the group.
pub struct Group {
    /// The leader.
    pub child: Child,
}

impl Group {
    /// Starts the command as the leader of a new group.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn spawn(command: &mut Command) -> Result<Group> {
        let child = command.process_group(0).spawn().with_context(|| {
            let program = command.as_std().get_program();
            format!("cannot start {}", program.to_string_lossy())
        })?;
        Ok(Group { child })
    }

    /// Waits for the leader's end. May be dropped and called again.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        self.child.wait().await.context("cannot wait for a program")
    }

    /// Waits for the leader's end and leaves it unreaped, so that what it left behind in
    /// its group can still be killed.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub async fn ended(&self) -> Result<()> {
        let leader = self
            .leader()
            .context("the program was waited for already")?;
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        tokio::task::spawn_blocking(move || waitid(WaitId::Pid(leader), options))
            .await
            .context("cannot wait for a program")?
            .context("cannot wait for a program")?;
        Ok(())
    }

    /// Kills whatever is in the group.
    pub fn kill(&self) {
        if let Some(leader) = self.leader() {
            // The group may have ended just now.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }

    /// The leader until it is reaped; then its number may be another's.
    fn leader(&self) -> Option<Pid> {
        Pid::from_raw(self.child.id()?.try_into().ok()?)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
