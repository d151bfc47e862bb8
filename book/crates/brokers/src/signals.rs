//! When a program should end: its parent is gone, or somebody asked it to.

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
/// is gone (SIGHUP).
///
/// A program that waits for it takes down what it made on a broker before it ends; one that does
/// not is ended by the operating system at once.
pub async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).ok();
    match (
        listen(SignalKind::interrupt()),
        listen(SignalKind::terminate()),
        listen(SignalKind::hangup()),
    ) {
        (Some(mut interrupt), Some(mut terminate), Some(mut hangup)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        }
        // Without a handler the signals end the program themselves.
        _ => std::future::pending().await,
    }
}
