//! Starts a program behind a gate, and waits for the line in which it says that it is ready.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use tokio::process::Child;

use crate::guard::{Guard, gated};
use crate::{Error, Kind};

/// How often a log is looked at for a broker's word that it is ready.
const LOOK: Duration = Duration::from_millis(5);

/// Longer than the kernel takes to stop a process.
const STOPPED: Duration = Duration::from_secs(20);

/// Lines of a log that an error shows.
const TAIL: usize = 12;

/// A program as it is started, and started again.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) command: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    /// Its working folder.
    pub(crate) folder: PathBuf,
    /// Where its standard output and error go.
    pub(crate) output: PathBuf,
}

/// A started program: the leader of a process group of its own.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) pid: u32,
}

impl Program {
    pub(crate) fn new(command: impl Into<PathBuf>, folder: &Path, output: PathBuf) -> Program {
        Program {
            command: command.into(),
            args: Vec::new(),
            env: Vec::new(),
            folder: folder.to_owned(),
            output,
        }
    }

    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Program {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn args<I: IntoIterator<Item = S>, S: Into<OsString>>(mut self, args: I) -> Program {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Program {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The program's name, for messages.
    pub(crate) fn name(&self) -> String {
        let name = self.command.file_name().unwrap_or(self.command.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// Starts it in a process group that `guard` ends with this program.
    pub(crate) async fn launch(&self, guard: &mut Guard) -> Result<Running, Error> {
        let doing = || format!("start {}", self.name());
        let output = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.output)
            .map_err(Error::io(format!("write {}", self.output.display())))?;
        let errors = output.try_clone().map_err(Error::io(doing()))?;
        let mut child = gated(&self.command)
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .process_group(0)
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(Error::io(doing()))?;
        let pid = guard.admit(&mut child).await?;
        // It reads nothing more.
        drop(child.stdin.take());
        Ok(Running { child, pid })
    }
}

impl Running {
    /// Sends a signal to the whole group.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) -> Result<(), Error> {
        let doing = format!("signal process group {}", self.pid);
        let group = i32::try_from(self.pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        let group = group.ok_or_else(|| Error::Io {
            doing: doing.clone(),
            source: std::io::ErrorKind::InvalidInput.into(),
        })?;
        rustix::process::kill_process_group(group, signal).map_err(|errno| Error::Io {
            doing,
            source: errno.into(),
        })
    }

    /// Sends SIGSTOP to the whole group and waits until its leader stands still.
    ///
    /// Only Linux tells that (state T in /proc/PID/stat); elsewhere this returns at once.
    pub(crate) async fn stop(&self) -> Result<(), Error> {
        self.signal(rustix::process::Signal::STOP)?;
        let stat = format!("/proc/{}/stat", self.pid);
        let mut look = tokio::time::interval(LOOK);
        let stopped = async {
            // The state is the field behind the program's name, which stands in parentheses.
            while std::fs::read_to_string(&stat)
                .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or("").starts_with(" T"))
            {
                look.tick().await;
            }
        };
        tokio::time::timeout(STOPPED, stopped)
            .await
            .map_err(|_| Error::Io {
                doing: format!("stop process group {}", self.pid),
                source: std::io::ErrorKind::TimedOut.into(),
            })
    }

    /// Waits for the leader's end and tells the guard that its number is free.
    pub(crate) async fn reap(&mut self, guard: &mut Guard) -> Result<ExitStatus, Error> {
        let status = self
            .child
            .wait()
            .await
            .map_err(Error::io("wait for a process"))?;
        guard.gone(self.pid).await?;
        Ok(status)
    }

    /// Waits until `find` sees its answer in a line that is written to `log` from byte `from` on.
    ///
    /// # Errors
    /// [`Error::Died`] when the program ends first, [`Error::NotReady`] after `limit`.
    pub(crate) async fn wait_for_line<T>(
        &mut self,
        kind: Kind,
        log: &Path,
        from: u64,
        limit: Duration,
        mut find: impl FnMut(&str) -> Option<T>,
    ) -> Result<T, Error> {
        // The deadline of the wait, not the wait.
        let give_up = tokio::time::sleep(limit);
        tokio::pin!(give_up);
        let mut look = tokio::time::interval(LOOK);
        loop {
            let ended = tokio::select! {
                status = self.child.wait() => Some(status.map_err(Error::io("wait for the broker"))?),
                () = &mut give_up => {
                    return Err(Error::NotReady { kind, after: limit, tail: tail(log) });
                }
                _ = look.tick() => None,
            };
            // Looked at after the end as well: the last words of a dead broker count.
            if let Some(found) = read_from(log, from).lines().find_map(&mut find) {
                return Ok(found);
            }
            if let Some(status) = ended {
                return Err(Error::Died {
                    kind,
                    reason: status.to_string(),
                    tail: tail(log),
                });
            }
        }
    }
}

/// What stands in the file from byte `from` on; nothing where there is no file yet.
fn read_from(file: &Path, from: u64) -> String {
    let bytes = std::fs::read(file).unwrap_or_default();
    let start = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
    String::from_utf8_lossy(&bytes[start..]).into_owned()
}

/// The length of a file in bytes, 0 where there is none.
pub(crate) fn length(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |data| data.len())
}

/// The last lines of a file that are not blank.
pub(crate) fn tail(file: &Path) -> Vec<String> {
    last_lines(&read_from(file, 0))
}

/// The last lines of a text that are not blank.
pub(crate) fn last_lines(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(TAIL)..]
        .iter()
        .map(|line| (*line).to_owned())
        .collect()
}
