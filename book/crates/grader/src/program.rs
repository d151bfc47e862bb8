//! The learner's program, run as a process that can be fed, killed and waited for.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use brokers::{Broker, Group, Guard, Kind, gated, leftovers};
use rustix::process::{Pid, test_kill_process};
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::{mpsc, watch};

use crate::output::{LIMIT, Tail, each_piece};
use crate::{Case, Verdict};

/// How long a program may run unless the story says otherwise. Clients wait seconds before they
/// connect again, and a busy machine is slow.
const TIME: Duration = Duration::from_secs(60);
/// How long what a program has sent may be on its way after its end.
const ON_ITS_WAY: Duration = Duration::from_secs(2);
/// How often to look whether it is gone.
const LOOK: Duration = Duration::from_millis(20);
/// How long the pipes of a program may stay open that has been ended with all that it has started.
const FLUSH: Duration = Duration::from_secs(2);

/// A program that is about to be started.
pub struct Builder {
    case: Case,
    lane: String,
    variables: Vec<(String, String)>,
    arguments: Vec<String>,
    limit: Duration,
}

/// How a program has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Its exit code; none after a signal.
    pub code: Option<i32>,
    /// The signal that has ended it.
    pub signal: Option<i32>,
}

/// A running program. It ends with this value, and with the grader.
pub struct Program {
    case: Case,
    lane: String,
    pid: u32,
    input: Option<ChildStdin>,
    orders: mpsc::UnboundedSender<Order>,
    ended: watch::Receiver<Option<End>>,
}

#[derive(Clone, Copy)]
enum Order {
    Kill,
    Terminate,
}

impl Builder {
    pub(crate) fn new(case: Case, lane: &str) -> Builder {
        Builder {
            case,
            lane: lane.to_owned(),
            variables: Vec::new(),
            arguments: Vec::new(),
            limit: TIME,
        }
    }

    /// Gives it the address of its broker, or of the proxy before it, in the variable that all
    /// programs of this book know.
    #[must_use]
    pub fn broker(self, broker: &Broker, url: &str) -> Builder {
        self.env(broker.kind().variable(), url)
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Builder {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Builder {
        self.arguments.push(argument.into());
        self
    }

    /// How long it may run; 60 s unless this is called.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Builder {
        self.limit = limit;
        self
    }

    /// Starts it, in an empty folder of its own.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start(self) -> Result<Program> {
        let Builder {
            case,
            lane,
            variables,
            arguments,
            limit,
        } = self;
        let (path, mark) = (case.path().to_owned(), case.mark());
        anyhow::ensure!(path.is_file(), "there is no program {}", path.display());
        let mut command = gated(&path);
        command.args(arguments).current_dir(case.folder());
        // The reader's own brokers are none of the exercise's.
        for kind in [Kind::Nats, Kind::RabbitMq, Kind::Kafka] {
            command.env_remove(kind.variable());
        }
        for name in ["BROKERS", "RUST_LOG", "RUST_LIB_BACKTRACE"] {
            command.env_remove(name);
        }
        command.envs([("RUST_BACKTRACE", "0"), ("NO_COLOR", "1")]);
        command.envs(variables).env(leftovers::VARIABLE, &mark);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        case.guard().await?;
        let mut guard = Guard::new()?;
        let mut group = Group::spawn(&mut command).context("cannot start the program")?;
        let pid = guard.admit(&mut group.child).await?;
        let input = group.child.stdin.take();
        case.saw(&lane, "starts");
        let run = case.runs(&lane);
        let (orders, orders_in) = mpsc::unbounded_channel();
        let (told, ended) = watch::channel(None);
        let attendant = Attendant {
            case: case.clone(),
            lane: lane.clone(),
            run,
            mark,
            limit,
        };
        tokio::spawn(async move {
            let end = attendant.attend(group, guard, orders_in).await;
            told.send_replace(Some(end));
        });
        Ok(Program {
            case,
            lane,
            pid,
            input,
            orders,
            ended,
        })
    }
}

impl Program {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether its process is gone: nobody has its number.
    pub fn is_gone(&self) -> bool {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        pid.is_none_or(|pid| test_kill_process(pid).is_err())
    }

    /// Returns once its process is gone. Whether it may be, the story says.
    pub async fn gone(&self) {
        let mut look = tokio::time::interval(LOOK);
        while !self.is_gone() {
            look.tick().await;
        }
    }

    /// Writes lines to its standard input and closes it. A program that reads none of them goes
    /// without.
    pub async fn give<L: AsRef<str>>(&mut self, lines: impl IntoIterator<Item = L>) {
        for line in lines {
            self.say(line.as_ref()).await;
        }
        self.input = None;
    }

    /// Writes one line to its standard input.
    pub async fn say(&mut self, line: &str) {
        if let Some(input) = &mut self.input {
            // It may have closed it, or be gone: that shows elsewhere.
            let _ = input.write_all(format!("{line}\n").as_bytes()).await;
        }
    }

    /// Waits until it ends by itself. At its time limit the run is over.
    pub async fn ended(&mut self) -> End {
        let end = self.wait().await;
        match end {
            End { code: Some(0), .. } => {}
            End {
                code: Some(code), ..
            } => self.case.find(
                Verdict::Exited,
                format!("{} ended with exit code {code}", self.lane),
            ),
            End { signal, .. } => self.case.find(
                Verdict::Exited,
                format!("{} was ended by signal {}", self.lane, signal.unwrap_or(0)),
            ),
        }
        end
    }

    /// Waits for something that the program brings about. False where the program ends before. What
    /// it has sent may still be on its way then, so it gets a moment more.
    pub async fn reaches(&mut self, what: impl Future) -> bool {
        let mut what = std::pin::pin!(what);
        tokio::select! {
            biased;
            _ = &mut what => return true,
            _ = self.wait() => {}
        }
        tokio::time::timeout(ON_ITS_WAY, what).await.is_ok()
    }

    /// SIGKILL, to it and to all that it has started. Gone when this returns.
    pub async fn kill(&mut self) -> End {
        self.case.saw(&self.lane, "is killed");
        // It may have ended by itself.
        let _ = self.orders.send(Order::Kill);
        self.wait().await
    }

    /// SIGTERM, and waits until it has ended. At its time limit the run is over.
    pub async fn terminate(&mut self) -> End {
        self.case.saw(&self.lane, "is asked to end, with SIGTERM");
        let _ = self.orders.send(Order::Terminate);
        self.wait().await
    }

    async fn wait(&mut self) -> End {
        let told = self.ended.wait_for(Option::is_some).await;
        let nothing = End {
            code: None,
            signal: None,
        };
        told.ok().and_then(|end| *end).unwrap_or(nothing)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Kill);
    }
}

/// Watches one program.
struct Attendant {
    case: Case,
    lane: String,
    run: usize,
    mark: String,
    limit: Duration,
}

/// Why a program is over.
enum Over {
    Itself,
    Killed,
    Hangs,
    Endless,
}

impl Attendant {
    async fn attend(
        self,
        mut group: Group,
        mut guard: Guard,
        mut orders: mpsc::UnboundedReceiver<Order>,
    ) -> End {
        let tail = Arc::new(Mutex::new(Tail::default()));
        let printed = Arc::new(AtomicU64::new(0));
        let (full, mut is_full) = watch::channel(false);
        let count = move |tail: &Mutex<Tail>, bytes: &[u8]| {
            locked(tail).push(bytes);
            let bytes = bytes.len() as u64;
            if printed.fetch_add(bytes, Ordering::Relaxed) + bytes > LIMIT {
                full.send_replace(true);
            }
        };
        let (stdout, stderr) = (group.child.stdout.take(), group.child.stderr.take());
        let errors = tail.clone();
        let mut reading = tokio::spawn(async move {
            let out = Mutex::new(Tail::default());
            tokio::join!(
                async {
                    if let Some(stdout) = stdout {
                        each_piece(stdout, |bytes| count(&out, bytes)).await;
                    }
                },
                async {
                    if let Some(stderr) = stderr {
                        each_piece(stderr, |bytes| count(&errors, bytes)).await;
                    }
                }
            );
            out
        });
        // The deadline of the program, not a wait.
        let deadline = tokio::time::sleep(self.limit);
        tokio::pin!(deadline);
        let over = loop {
            tokio::select! {
                biased;
                Ok(_) = is_full.wait_for(|full| *full) => break Over::Endless,
                _ = group.ended() => break Over::Itself,
                order = orders.recv() => match order {
                    Some(Order::Terminate) => group.terminate(),
                    Some(Order::Kill) | None => break Over::Killed,
                },
                () = &mut deadline => break Over::Hangs,
            }
        };
        let leader = group.child.id();
        let left = match (&over, leader) {
            (Over::Itself, Some(leader)) => leftovers::left(&self.mark, leader).await,
            _ => Vec::new(),
        };
        group.kill();
        leftovers::end(&self.mark, leader).await;
        let status = group.wait().await.ok();
        self.case.ran(self.run);
        if let Some(leader) = leader {
            // The guard ends with this program at the latest.
            let _ = guard.gone(leader).await;
        }
        let out = tokio::time::timeout(FLUSH, &mut reading).await;
        reading.abort();
        let mut lines = match out {
            Ok(Ok(out)) => locked(&out).lines(),
            _ => Vec::new(),
        };
        let (errors, panic) = {
            let tail = locked(&tail);
            (tail.lines(), tail.panic.clone())
        };
        lines.extend(errors);
        self.case.said(lines);
        let end = End::of(status);
        self.judge(&over, end, panic, &left);
        end
    }

    fn judge(&self, over: &Over, end: End, panic: Option<String>, left: &[leftovers::Process]) {
        let (case, lane) = (&self.case, &self.lane);
        let seconds = self.limit.as_secs();
        match over {
            Over::Killed => return,
            Over::Endless => {
                let why = format!(
                    "{lane} printed more than {} KiB and was killed",
                    LIMIT >> 10
                );
                case.saw(lane, "prints without end, and is killed");
                case.find(Verdict::EndlessOutput, why);
                return case.end_now();
            }
            Over::Hangs => {
                case.saw(lane, "still runs at its time limit, and is killed");
                let (verdict, what) = match case.connected() {
                    true => (Verdict::Hangs, "still ran"),
                    false => (Verdict::NeverConnected, "had not connected to its broker"),
                };
                case.find(
                    verdict,
                    format!("{lane} {what} after {seconds} s and was killed"),
                );
                return case.end_now();
            }
            Over::Itself => {}
        }
        case.saw(lane, &format!("ends with {end}"));
        match panic {
            Some(words) if words.starts_with("not yet implemented") && end.code == Some(101) => {
                case.find(Verdict::NotAttempted, format!("{lane} reached a todo!()"));
                return case.end_now();
            }
            Some(words) if end.code != Some(0) => {
                case.find(Verdict::Panicked, format!("{lane} panicked: {words}"));
            }
            _ => {}
        }
        if !left.is_empty() {
            let names: Vec<String> = left
                .iter()
                .map(|process| format!("{} ({})", process.name, process.pid))
                .collect();
            let why = format!("{lane} ended and left running: {}", names.join(", "));
            case.find(Verdict::LeftProcesses, why);
        }
    }
}

impl End {
    fn of(status: Option<ExitStatus>) -> End {
        End {
            code: status.and_then(|status| status.code()),
            signal: status.and_then(|status| status.signal()),
        }
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exit code {code}"),
            (None, Some(signal)) => write!(f, "signal {signal}"),
            (None, None) => f.write_str("an unknown exit code"),
        }
    }
}

/// What is kept is whole at any time, so a panic elsewhere does not spoil it.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
