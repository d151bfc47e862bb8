//! Starts the brokers that it is told and holds them until it is ended: what the tests kill.
//!
//! `hold KIND...` prints `ready URL PID` for each (`-` where there is no process id), then waits
//! for SIGINT or SIGTERM. `hold --panic KIND...` panics instead of waiting. What stands on its
//! standard input, `kill`, `pause`, `resume` or `restart`, it does to its last broker, and prints
//! `done`.

use std::io::{BufRead, Write};

use brokers::{Broker, Error, Kind, Options};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("Error: {error}");
        std::process::exit(1);
    }
}

async fn run() -> Result<(), Error> {
    let mut panics = false;
    let mut port = None;
    let mut held: Vec<Broker> = Vec::new();
    let mut end = std::pin::pin!(brokers::interrupted());
    for word in std::env::args().skip(1) {
        match Kind::ALL.into_iter().find(|kind| kind.name() == word) {
            Some(kind) => {
                let options = Options {
                    port,
                    ..Options::default()
                };
                let broker = brokers::start(kind, options).await?;
                let pid = broker
                    .pid()
                    .map_or_else(|| "-".to_owned(), |pid| pid.to_string());
                // Looked at once before the line: who reads it may send a signal at once, which
                // must find its handler.
                tokio::select! {
                    biased;
                    () = &mut end => return Ok(()),
                    () = std::future::ready(()) => {}
                }
                println!("ready {} {pid}", broker.url());
                held.push(broker);
            }
            None if word == "--panic" => panics = true,
            None => {
                port = word
                    .strip_prefix("--port=")
                    .and_then(|port| port.parse().ok())
            }
        }
    }
    let _ = std::io::stdout().flush();
    if panics {
        panic!("as it was told");
    }
    let mut faults = faults();
    loop {
        tokio::select! {
            () = &mut end => break,
            Some(fault) = faults.recv() => {
                if let Some(broker) = held.last_mut() {
                    strike(broker, &fault).await?;
                    println!("done");
                }
            }
        }
    }
    for broker in held {
        broker.stop().await?;
    }
    println!("stopped");
    Ok(())
}

/// The lines of standard input. Its end says nothing.
fn faults() -> mpsc::UnboundedReceiver<String> {
    let (sender, faults) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    faults
}

async fn strike(broker: &mut Broker, fault: &str) -> Result<(), Error> {
    match fault {
        "kill" => broker.kill().await,
        "pause" => broker.pause().await,
        "resume" => broker.resume().await,
        "restart" => broker.restart().await,
        _ => Ok(()),
    }
}
