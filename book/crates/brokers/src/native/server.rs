//! A native broker while it runs: what to start, what guards it, and the faults it can be given.

use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;

use crate::guard::Guard;
use crate::process::{Program, Running, last_lines, length, tail};
use crate::{Error, Kind};

/// How long a broker may take to say that it is ready: far beyond the slowest start seen (7 s, on a
/// machine whose two cores were busy compiling), so that only a broker that hangs meets it.
pub(crate) const READY: Duration = Duration::from_secs(90);

/// How long a broker may take to end after SIGTERM before it is killed.
pub(crate) const GRACE: Duration = Duration::from_secs(20);

/// A broker process, its helpers and its data folder.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) url: String,
    pub(crate) version: String,
    program: Program,
    log: PathBuf,
    ready: fn(&str) -> bool,
    control: Option<Program>,
    guard: Guard,
    running: Option<Running>,
    // Held so that they live as long as the broker (RabbitMQ's epmd).
    helpers: Vec<Running>,
}

/// What a broker module knows before the broker runs.
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    pub(crate) url: String,
    pub(crate) version: String,
    pub(crate) port: u16,
    pub(crate) program: Program,
    /// Programs that must run first and longer.
    pub(crate) helpers: Vec<Program>,
    /// The file in which the broker says that it is ready.
    pub(crate) log: PathBuf,
    /// Whether a line of it says so.
    pub(crate) ready: fn(&str) -> bool,
    /// The broker's own command-line tool, where it has one.
    pub(crate) control: Option<Program>,
    pub(crate) guard: Guard,
}

impl Plan {
    /// Starts the broker and waits for its word that it is ready.
    pub(crate) async fn start(mut self) -> Result<Server, Error> {
        let mut helpers = Vec::new();
        for helper in &self.helpers {
            helpers.push(helper.launch(&mut self.guard).await?);
        }
        let port = self.port;
        let mut server = Server {
            kind: self.kind,
            url: self.url,
            version: self.version,
            program: self.program,
            log: self.log,
            ready: self.ready,
            control: self.control,
            guard: self.guard,
            running: None,
            helpers,
        };
        match server.launch().await {
            Ok(()) => Ok(server),
            Err(Error::Died { tail, .. }) if port_taken(&tail) => {
                let kind = server.kind;
                server.stop().await?;
                Err(Error::PortTaken { kind, port })
            }
            Err(error) => {
                server.stop().await?;
                Err(error)
            }
        }
    }
}

/// Whether a dead broker's last words, or those of Docker, are that its port is in use.
pub(crate) fn port_taken(tail: &[String]) -> bool {
    tail.iter().any(|line| {
        let line = line.to_lowercase();
        [
            "eaddrinuse",
            "address already in use",
            "port is already allocated",
        ]
        .iter()
        .any(|words| line.contains(words))
    })
}

impl Server {
    /// The process id while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.pid)
    }

    async fn launch(&mut self) -> Result<(), Error> {
        let from = length(&self.log);
        let running = self.program.launch(&mut self.guard).await?;
        let running = self.running.insert(running);
        let ready = self.ready;
        let said = running
            .wait_for_line(self.kind, &self.log, from, READY, |line| {
                ready(line).then_some(())
            })
            .await;
        // A broker that dies before it opens its log says why on its output.
        match said {
            Err(Error::Died {
                kind,
                reason,
                tail: lines,
            }) if lines.is_empty() => Err(Error::Died {
                kind,
                reason,
                tail: tail(&self.program.output),
            }),
            other => other,
        }
    }

    /// Ends the broker with SIGKILL: no goodbye to clients, no flush of anything.
    pub(crate) async fn kill(&mut self) -> Result<(), Error> {
        if let Some(mut running) = self.running.take() {
            running.signal(Signal::KILL)?;
            running.reap(&mut self.guard).await?;
        }
        Ok(())
    }

    /// Stops the broker's execution (SIGSTOP): connections stay open and nothing answers. Returns
    /// when it stands still, since a signal takes its time.
    pub(crate) async fn pause(&self) -> Result<(), Error> {
        match &self.running {
            Some(running) => running.stop().await,
            None => Ok(()),
        }
    }

    /// Lets a paused broker go on (SIGCONT).
    pub(crate) fn resume(&self) -> Result<(), Error> {
        self.running
            .as_ref()
            .map_or(Ok(()), |running| running.signal(Signal::CONT))
    }

    /// Ends the broker with SIGTERM, or finds it killed, and starts it again on the same port and
    /// data.
    pub(crate) async fn restart(&mut self) -> Result<(), Error> {
        if let Some(mut running) = self.running.take() {
            running.signal(Signal::CONT)?;
            running.signal(Signal::TERM)?;
            if tokio::time::timeout(GRACE, running.child.wait())
                .await
                .is_err()
            {
                running.signal(Signal::KILL)?;
            }
            running.reap(&mut self.guard).await?;
        }
        self.launch().await
    }

    /// Runs the broker's own command-line tool (`rabbitmqctl`) against it and gives what it prints.
    pub(crate) async fn control(&mut self, args: &[&str]) -> Result<String, Error> {
        let Some(program) = &self.control else {
            return Err(Error::NotOwned {
                kind: self.kind,
                what: "control",
                source_name: "it has no such tool".into(),
            });
        };
        let program = program.clone().args(args.iter().copied());
        std::fs::write(&program.output, "").map_err(Error::io("write the tool's output"))?;
        let mut running = program.launch(&mut self.guard).await?;
        let status = running.reap(&mut self.guard).await?;
        let printed = std::fs::read_to_string(&program.output)
            .map_err(Error::io("read the tool's output"))?;
        if status.success() {
            return Ok(printed);
        }
        Err(Error::Tool {
            command: format!("{} {}", program.name(), args.join(" ")),
            reason: status.to_string(),
            tail: last_lines(&printed),
        })
    }

    /// Ends the broker and its helpers and removes its data.
    pub(crate) async fn stop(mut self) -> Result<(), Error> {
        // Reaped while the guard works, since a zombie would look alive to it.
        let running = self.running.take();
        let reap = async {
            if let Some(mut running) = running {
                let _ = running.child.wait().await;
            }
        };
        let helpers = std::mem::take(&mut self.helpers);
        let reaphelpers = async {
            for mut helper in helpers {
                let _ = helper.child.wait().await;
            }
        };
        let (closed, (), ()) = tokio::join!(self.guard.close(), reap, reaphelpers);
        closed
    }
}
