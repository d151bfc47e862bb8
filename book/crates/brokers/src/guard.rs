//! Nothing outlives its owner.
//!
//! Each broker, and each tool that fetches one, has a guard: a small POSIX shell in a process group
//! of its own, whose standard input is a pipe that only this program holds. The operating system
//! closes that pipe when the program ends, after a panic, Ctrl-C or `kill -9` as well, and then
//! the guard ends every process group that it was told of and removes every folder.
//!
//! `PR_SET_PDEATHSIG` is no answer: it reaches the child alone, not the child's children, and it
//! fires when the *thread* that spawned the child ends.
//!
//! Order is everything: a group is named to the guard before the program in it may run. That is
//! what the gate of [`gated`] is for.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};

use crate::{Error, leftovers};

const SCRIPT: &str = include_str!("guard.sh");

/// Waits on its standard input before it becomes the program, which gets the rest of it: `read`
/// takes no byte more than the line. A gate whose owner died closes for good.
const GATE: &str = r#"read -r _ || exit 0; exec "$@""#;

/// A command for this program that waits until [`Guard::admit`] lets it run. Its standard input is
/// a pipe.
pub fn gated(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", GATE, "gate"]).arg(program);
    command.stdin(Stdio::piped());
    command
}

/// A shell that ends what it was told of when this program ends, in whatever way.
#[derive(Debug)]
pub struct Guard {
    shell: Child,
    input: ChildStdin,
    /// Locked folders that it removes.
    held: Vec<File>,
}

impl Guard {
    /// Starts a guard for what this program is about to start.
    ///
    /// # Errors
    /// When there is no shell.
    pub fn new() -> Result<Guard, Error> {
        Guard::start(None)
    }

    /// Starts a guard. `lock` is a locked file that stays locked until the guard has done its
    /// work: what a killed program was writing is out of the way before the next one begins.
    pub(crate) fn start(lock: Option<&File>) -> Result<Guard, Error> {
        // The shell's standard output is unused, so it can carry the lock: a lock belongs to the
        // open file, and the shell's copy keeps it open.
        let stdout = match lock {
            Some(file) => Stdio::from(
                file.try_clone()
                    .map_err(Error::io("share the cache's lock"))?,
            ),
            None => Stdio::null(),
        };
        let mut shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "messaging-book-guard"])
            .env_remove(leftovers::VARIABLE)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(Stdio::null())
            .current_dir("/")
            .spawn()
            .map_err(Error::io("start /bin/sh, which guards the broker"))?;
        let input = shell.stdin.take().ok_or_else(|| Error::Io {
            doing: "reach the guard".into(),
            source: std::io::ErrorKind::BrokenPipe.into(),
        })?;
        Ok(Guard {
            shell,
            input,
            held: Vec::new(),
        })
    }

    /// Lets a [`gated`] program run, the leader of a process group, which from now on ends with this
    /// program. Gives its process id.
    ///
    /// # Errors
    /// When it has been waited for, or the guard or the program is gone.
    pub async fn admit(&mut self, child: &mut Child) -> Result<u32, Error> {
        const DOING: &str = "let a program run";
        let broken = || Error::Io {
            doing: DOING.into(),
            source: std::io::ErrorKind::BrokenPipe.into(),
        };
        let pid = child.id().ok_or_else(broken)?;
        self.group(pid).await?;
        let gate = child.stdin.as_mut().ok_or_else(broken)?;
        gate.write_all(b"go\n").await.map_err(Error::io(DOING))?;
        Ok(pid)
    }

    /// From now on every process whose environment has this mark as [`leftovers::VARIABLE`] ends
    /// with this program. A mark is one word.
    ///
    /// # Errors
    /// When the guard is gone.
    pub async fn mark(&mut self, mark: &str) -> Result<(), Error> {
        let variable = leftovers::VARIABLE;
        self.tell(&format!("mark {variable}={mark}")).await
    }

    /// From now on the process group `pid` ends with this program.
    async fn group(&mut self, pid: u32) -> Result<(), Error> {
        self.tell(&format!("group {pid}")).await
    }

    /// The group has been ended and reaped.
    ///
    /// # Errors
    /// When the guard is gone.
    pub async fn gone(&mut self, pid: u32) -> Result<(), Error> {
        self.tell(&format!("gone {pid}")).await
    }

    /// From now on this folder is removed with this program.
    pub(crate) async fn folder(&mut self, folder: &Path) -> Result<(), Error> {
        self.tell(&format!("dir {}", folder.display())).await
    }

    /// Keeps a folder locked as long as it is guarded; see [`crate::Scratch`].
    pub(crate) fn hold(&mut self, folder: File) {
        self.held.push(folder);
    }

    /// From now on the container of this name is removed with this program.
    pub(crate) async fn container(&mut self, name: &str) -> Result<(), Error> {
        self.tell(&format!("container {name}")).await
    }

    /// Ends everything now and waits until the guard is done.
    pub(crate) async fn close(self) -> Result<(), Error> {
        // What is held is held until the end of this.
        let Guard {
            mut shell,
            input,
            held: _held,
        } = self;
        drop(input);
        shell
            .wait()
            .await
            .map_err(Error::io("wait for the guard"))?;
        Ok(())
    }

    async fn tell(&mut self, line: &str) -> Result<(), Error> {
        // The guard reads line by line, so a line break inside a path would be two orders.
        if line.contains('\n') {
            return Err(Error::Io {
                doing: "guard a path with a line break".into(),
                source: std::io::ErrorKind::InvalidInput.into(),
            });
        }
        self.input
            .write_all(format!("{line}\n").as_bytes())
            .await
            .map_err(Error::io("tell the guard what to end"))
    }
}
