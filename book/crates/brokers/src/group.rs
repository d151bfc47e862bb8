//! A program and all that it starts, ended together.

use std::io;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::{Child, Command};

/// A child that leads a process group. Dropping it kills the group.
#[derive(Debug)]
pub struct Group {
    /// The leader.
    pub child: Child,
}

impl Group {
    /// Starts the command as the leader of a new group.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn spawn(command: &mut Command) -> io::Result<Group> {
        let child = command.process_group(0).spawn()?;
        Ok(Group { child })
    }

    /// Waits for the leader's end. May be dropped and called again.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Waits for the leader's end and leaves it unreaped, so that what it left behind in
    /// its group can still be killed.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub async fn ended(&self) -> io::Result<()> {
        let reaped = || io::Error::other("the program was waited for already");
        let leader = self.leader().ok_or_else(reaped)?;
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        tokio::task::spawn_blocking(move || waitid(WaitId::Pid(leader), options)).await??;
        Ok(())
    }

    /// Kills whatever is in the group.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// SIGTERM to the whole group, as a service manager asks a program to end.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.leader() {
            // The group may have ended just now.
            let _ = kill_process_group(leader, signal);
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
