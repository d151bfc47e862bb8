//! Starts the brokers that it is told and holds them until it is ended: what the tests kill.
//!
//! `hold KIND...` prints `ready URL PID` for each (`-` where there is no process id), then waits
//! for SIGINT or SIGTERM. `hold --panic KIND...` panics instead of waiting.

use std::io::Write;

use brokers::{Broker, Error, Kind, Options};

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
    for word in std::env::args().skip(1) {
        match Kind::ALL.into_iter().find(|kind| kind.name() == word) {
            Some(kind) => {
                let options = Options { port, ..Options::default() };
                let broker = brokers::start(kind, options).await?;
                let pid = broker.pid().map_or_else(|| "-".to_owned(), |pid| pid.to_string());
                println!("ready {} {pid}", broker.url());
                held.push(broker);
            }
            None if word == "--panic" => panics = true,
            None => port = word.strip_prefix("--port=").and_then(|port| port.parse().ok()),
        }
    }
    let _ = std::io::stdout().flush();
    if panics {
        panic!("as it was told");
    }
    brokers::interrupted().await;
    for broker in held {
        broker.stop().await?;
    }
    println!("stopped");
    Ok(())
}
