//! The processes that a program has started, and those that they have.
//!
//! A process group does not hold them: a daemon leaves it. What they inherit is the environment,
//! and in it stands a mark of the run. Only Linux lists the environments of processes; elsewhere
//! the group has to do. What clears its environment and leaves the group as well is not found. A
//! [`crate::Guard`] takes no mark over, so that it can do its work once all
//! that is marked has been killed.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The variable that carries the mark.
pub const VARIABLE: &str = "BOOK_RUN";
/// How long a process may take to end after the one that has started it.
const GRACE: Duration = Duration::from_millis(500);
/// How often to look.
const LOOK: Duration = Duration::from_millis(10);
/// Rounds of looking for what a killed process has started in the meantime.
const ROUNDS: usize = 200;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its process id.
    pub pid: u32,
    /// The name of its program.
    pub name: String,
}

/// The living processes with this mark, but the one of this pid.
pub fn marked(mark: &str, but: Option<u32>) -> Vec<Process> {
    let wanted = format!("{VARIABLE}={mark}");
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| Some(*pid) != but)
        // A zombie has no environment any more; a process of somebody else shows none.
        .filter(|pid| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let mut all = environment.split(|byte| *byte == 0);
            all.any(|variable| variable == wanted.as_bytes())
        })
        .map(|pid| {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            let name = name.trim_end().to_owned();
            Process { pid, name }
        })
        .collect()
}

/// What is left of a program that has ended by itself, after a moment in which it may end, too.
pub async fn left(mark: &str, leader: u32) -> Vec<Process> {
    let begun = Instant::now();
    loop {
        let left = marked(mark, Some(leader));
        if left.is_empty() || begun.elapsed() > GRACE {
            return left;
        }
        // poll: nobody tells of the end of a grandchild
        tokio::time::sleep(LOOK).await;
    }
}

/// Kills all that carry the mark, and returns when none is left.
pub async fn end(mark: &str, but: Option<u32>) {
    for _ in 0..ROUNDS {
        let all = marked(mark, but);
        if all.is_empty() {
            return;
        }
        for process in all {
            kill(process.pid);
        }
        // poll: nobody tells of the end of a grandchild
        tokio::time::sleep(LOOK).await;
    }
}

fn kill(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended just now.
        let _ = kill_process(pid, Signal::KILL);
    }
}
