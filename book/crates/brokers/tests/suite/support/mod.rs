//! A program to end, and what must not be left of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use brokers::Scratch;
use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take before a test gives up: two installations side by side, over a slow
/// network and on a busy machine, included.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// The bound of the promise: this long after its owner's end nothing of a broker is left.
pub const GONE_WITHIN: Duration = Duration::from_secs(5);

/// The example program `hold`, which cargo builds beside the tests.
pub fn hold() -> Command {
    let test = std::env::current_exe().unwrap();
    let target = test
        .ancestors()
        .find(|folder| folder.ends_with("deps"))
        .unwrap();
    let program = target.with_file_name("examples").join("hold");
    assert!(
        program.exists(),
        "{} is missing: cargo build -p brokers --examples",
        program.display()
    );
    let mut command = Command::new(program);
    for variable in ["NATS_URL", "AMQP_URL", "KAFKA_BOOTSTRAP_SERVERS", "BROKERS"] {
        command.env_remove(variable);
    }
    command
}

/// A running `hold`, with a temporary folder of its own by which all that it started is known.
pub struct Held {
    pub child: Child,
    pub folder: Scratch,
    lines: mpsc::Receiver<String>,
}

impl Held {
    pub fn start(mut command: Command) -> Held {
        let folder = Scratch::new().unwrap();
        let mut child = command
            .env("TMPDIR", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = read_lines(child.stdout.take().unwrap());
        Held {
            child,
            folder,
            lines,
        }
    }

    /// The next line it prints.
    pub fn line(&self) -> String {
        self.lines
            .recv_timeout(PATIENCE)
            .expect("hold prints a line")
    }

    /// URL and process id of the next broker that is ready.
    pub fn ready(&self) -> (String, String) {
        let line = self.line();
        let mut words = line.split(' ').skip(1).map(str::to_owned);
        (words.next().unwrap(), words.next().unwrap())
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        let ended = eventually(PATIENCE, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        if !ended {
            self.child.kill().unwrap();
            panic!(
                "hold does not end; it printed {:?}",
                self.lines.try_iter().collect::<Vec<_>>()
            );
        }
        status.unwrap()
    }

    /// Waits for its end and gives what it wrote to standard error.
    pub fn errors(mut self) -> (ExitStatus, String) {
        let mut output = self.child.stderr.take().unwrap();
        let (sender, errors) = mpsc::channel();
        std::thread::spawn(move || {
            let mut text = String::new();
            output.read_to_string(&mut text).unwrap();
            sender.send(text).unwrap();
        });
        let status = self.wait();
        let errors = errors
            .recv_timeout(PATIENCE)
            .expect("nobody else holds its standard error");
        assert_nothing_left(self.folder.path());
        (status, errors)
    }
}

impl Drop for Held {
    /// A test that fails leaves nothing running either.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_lines(output: ChildStdout) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// Looks until it is so, or until the time is over.
pub fn eventually(limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    loop {
        if is_so() {
            return true;
        }
        if begun.elapsed() > limit {
            return false;
        }
        // The pace of the poll: the end of a stranger's process is no event that could be awaited.
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// No process that was started with this temporary folder lives, and nothing lies in it.
pub fn assert_nothing_left(folder: &Path) {
    let clean = eventually(GONE_WITHIN, || {
        processes(folder).is_empty() && files(folder).is_empty()
    });
    assert!(
        clean,
        "left running: {:?}\nleft lying: {:?}",
        processes(folder),
        files(folder)
    );
}

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect()
}

/// Processes in whose environment the folder stands: a child inherits it from its parent.
pub fn processes(folder: &Path) -> Vec<String> {
    let folder = folder.to_string_lossy().into_owned();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let processes = processes.filter(|entry| {
        let pid = entry.file_name();
        pid.to_string_lossy()
            .starts_with(|first: char| first.is_ascii_digit())
    });
    processes
        .filter_map(|entry| {
            let read = |name: &str| {
                let bytes = std::fs::read(entry.path().join(name)).unwrap_or_default();
                String::from_utf8_lossy(&bytes).replace('\0', " ")
            };
            read("environ").contains(&folder).then(|| read("cmdline"))
        })
        .filter(|command| !command.is_empty())
        .collect()
}

/// Whether a program was ended by this signal.
pub fn ended_by(status: ExitStatus, signal: Signal) -> bool {
    status.signal() == Some(signal.as_raw())
}

/// Skips a test for the lack of a tool: an error in CI, a line elsewhere.
pub fn skip(reason: &str, enable: &str) {
    assert!(
        std::env::var_os("CI").is_none(),
        "in CI this must run: {reason}; {enable}"
    );
    // Not by `println!`, which the test harness keeps to itself while tests pass.
    let _ = writeln!(
        std::io::stderr(),
        "skipped: {reason}; enable with: {enable}"
    );
}
