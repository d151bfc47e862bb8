//! Warm brokers for the programs that a test runs: started once, in place of one RabbitMQ and one
//! Kafka for each program.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use brokers::Scratch;

use crate::programs::Programs;

/// What the companion says once its brokers are ready.
const READY: &str = "Ctrl-C ends them";

/// Runs the companion until standard input ends: also when the test is killed, its end of the pipe
/// closes. The shell lets go of standard error, so that its end is the companion's end. Ctrl-C goes
/// to all of them: a shell that it ended could not end a companion that was only just starting.
const UNTIL_CLOSED: &str =
    r#"trap '' HUP INT; "$0" up rabbitmq kafka & exec 2>/dev/null; read _; kill "$!"; wait "$!""#;

/// `cargo book up` in a cache folder of its own, so that neither a reader's warm brokers nor
/// another test's are used or ended. What is installed in the user's cache is shared.
pub struct Warm {
    shell: Child,
    cache: Scratch,
}

impl Warm {
    /// Starts RabbitMQ and Kafka and waits until they are ready. NATS is never shared: a server
    /// is ready in milliseconds.
    ///
    /// # Errors
    /// When one does not start; what the companion says of it is on standard error.
    pub fn start(programs: &Programs) -> Result<Warm> {
        let cache = Scratch::new()?;
        brokers::cache::lend(cache.path())?;
        let mut shell = Command::new("sh")
            .args(["-c", UNTIL_CLOSED])
            .arg(programs.path("companion")?)
            .env("BOOK_CACHE", cache.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("sh cannot be started")?;
        let said = shell.stderr.take().context("sh has no stderr")?;
        // From here on a failure ends it.
        let warm = Warm { shell, cache };
        let mut lines = BufReader::new(said).lines();
        loop {
            let Some(line) = lines.next().transpose()? else {
                bail!("no warm brokers: the companion ended");
            };
            ensure!(!line.starts_with("error"), "no warm brokers: {line}");
            if line == READY {
                // It may say more later and must not find a closed pipe.
                std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
                return Ok(warm);
            }
        }
    }

    /// The cache folder that a program takes to find them: `BOOK_CACHE`.
    pub fn cache(&self) -> &Path {
        self.cache.path()
    }
}

impl Drop for Warm {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}
