//! The machine's own package clients, run so that they end with this program.

pub(crate) mod apt;
pub(crate) mod java;
pub(crate) mod maven;
pub(crate) mod pip;
mod trust;

use std::path::{Path, PathBuf};

use crate::Error;
use crate::guard::Guard;
use crate::process::{Program, last_lines};

/// The path of a program on PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| is_program(file))
}

/// What a program says of itself, for example its version; nothing where it does not end in time.
pub(crate) async fn ask(program: &Path, args: &[&str]) -> Option<std::process::Output> {
    let mut command = tokio::process::Command::new(program);
    let told = command.args(args).kill_on_drop(true).output();
    let told = tokio::time::timeout(crate::handshake::PATIENCE, told).await;
    told.ok()?.ok()
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file)
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// Runs tools one after the other under one guard, and keeps what each one prints.
#[derive(Debug)]
pub(crate) struct Tools {
    guard: Guard,
    folder: PathBuf,
    output: PathBuf,
}

impl Tools {
    /// Tools that work in `folder`, while `lock` is held, also beyond this program's own end.
    pub(crate) fn new(folder: &Path, lock: &std::fs::File) -> Result<Tools, Error> {
        Ok(Tools::with(Guard::start(Some(lock))?, folder))
    }

    /// Tools that work in `folder` under a guard that has more to end than them.
    pub(crate) fn with(guard: Guard, folder: &Path) -> Tools {
        Tools {
            guard,
            folder: folder.to_owned(),
            output: folder.join("output"),
        }
    }

    /// Their guard.
    pub(crate) fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }

    /// A program that runs in the tools' folder and puts its temporary files there as well, so
    /// that they go with it when it is killed.
    pub(crate) fn program(&self, command: impl Into<PathBuf>) -> Program {
        Program::new(command, &self.folder, self.output.clone())
            .env("LC_ALL", "C")
            .env("TMPDIR", &self.folder)
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// [`Error::Tool`] with its last lines when it fails; `told` is how the message names it.
    pub(crate) async fn run(&mut self, program: Program, told: &str) -> Result<String, Error> {
        self.watch(program, told, |_| ()).await
    }

    /// Runs it to its end and shows `watch` what it has printed so far, from time to time.
    pub(crate) async fn watch(
        &mut self,
        program: Program,
        told: &str,
        mut watch: impl FnMut(&str),
    ) -> Result<String, Error> {
        std::fs::write(&self.output, "").map_err(self.write_error(told))?;
        let mut running = program.launch(&mut self.guard).await?;
        let mut look = tokio::time::interval(std::time::Duration::from_millis(200));
        let status = loop {
            tokio::select! {
                status = running.reap(&mut self.guard) => break status?,
                _ = look.tick() => watch(&self.printed()),
            }
        };
        let printed = self.printed();
        if status.success() {
            return Ok(printed);
        }
        let says_so = ["No space left on device", "Disk quota exceeded"];
        if says_so.iter().any(|words| printed.contains(words)) || is_full(&self.folder) {
            return Err(disk_full(told, &self.folder));
        }
        Err(Error::Tool {
            command: told.to_owned(),
            reason: status.to_string(),
            tail: last_lines(&printed),
        })
    }

    fn printed(&self) -> String {
        let bytes = std::fs::read(&self.output).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn write_error(&self, told: &str) -> impl FnOnce(std::io::Error) -> Error {
        let (folder, told) = (self.folder.clone(), told.to_owned());
        move |error| {
            if error.kind() == std::io::ErrorKind::StorageFull {
                disk_full(&told, &folder)
            } else {
                Error::Io {
                    doing: format!("write in {}", folder.display()),
                    source: error,
                }
            }
        }
    }

    /// Waits until nothing of the tools is left.
    pub(crate) async fn close(self) -> Result<(), Error> {
        self.guard.close().await
    }
}

/// About what the largest of the three, with its download, takes in the cache.
const MEGABYTES: u32 = 400;

/// Whether so little is free that the next file of a package would not fit. A tool's complaint lies
/// on the same full disk, so it may not be there to be read.
pub(crate) fn is_full(folder: &Path) -> bool {
    crate::room::free(folder).is_some_and(|free| free < 16_000_000)
}

pub(crate) fn disk_full(what: &str, folder: &Path) -> Error {
    Error::DiskFull {
        what: format!("`{what}`"),
        megabytes: MEGABYTES,
        folder: folder.to_owned(),
    }
}
