//! When a program should end: its parent is gone, or somebody asked it to.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Returns when the process that started this one has closed our standard input: because it asks
/// us to finish, or because it is dead. Start the worker with a piped standard input, and keep it.
///
/// What arrives there until then is thrown away.
pub async fn parent_gone() {
    let (gone, wait) = oneshot::channel();
    // A thread of its own: a blocked read on the runtime's threads would hold up the end of a
    // worker that stops for another reason.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = gone.send(());
    });
    let _ = wait.await;
}

/// Returns when this program is asked to end: by Ctrl-C (SIGINT), by SIGTERM, or because its terminal
/// is gone (SIGHUP) and it was not started with `nohup`.
///
/// A program that waits for it takes down what it made on a broker before it ends; one that does
/// not is ended by the operating system at once.
pub async fn interrupted() {
    // Asked before anything listens, since that changes the answer.
    let outlives_its_terminal = outlives_its_terminal();
    let hung_up = async {
        match outlives_its_terminal {
            true => std::future::pending().await,
            false => comes(SignalKind::hangup()).await,
        }
    };
    tokio::select! {
        () = comes(SignalKind::interrupt()) => {}
        () = comes(SignalKind::terminate()) => {}
        () = hung_up => {}
    }
}

/// Whether whoever started this program has it ignore the end of its terminal, as `nohup` does.
pub fn outlives_its_terminal() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // SIGHUP is signal 1, and the lowest bit of the mask.
    ignored.is_some_and(|mask| mask & 1 == 1)
}

/// Returns when the signal comes. Never where it cannot be listened to: it ends the program itself.
async fn comes(kind: SignalKind) {
    match signal(kind) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}
