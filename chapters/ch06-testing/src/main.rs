//! A test of a service on a real server: without a fault, and with one.
//!
//! ```console
//! cargo run -p ch06-testing
//! cargo run -p ch06-testing -- --fault kill
//! cargo run -p ch06-testing -- --fault kill --publisher careful
//! ```

mod args;

use anyhow::{Result, anyhow};
use args::Args;
use brokers::{Kind, Options};
use ch06_testing::{Fault, Publisher, Story, play};
use clap::Parser;
use history::{Event, Verb, strip};

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let publisher = match args.publisher {
        args::Publisher::Hopeful => Publisher::Hopeful,
        args::Publisher::Careful => Publisher::Careful,
    };
    let fault = match args.fault {
        args::Fault::None => Fault::None,
        args::Fault::Kill => Fault::Kill,
    };
    // One of its own: it will be killed.
    let private = Options {
        private: true,
        ..Options::default()
    };
    let mut nats = brokers::start(Kind::Nats, private).await?;
    let story = Story::told();
    let outcome = tokio::select! {
        outcome = play(&mut nats, publisher, fault, &story) => outcome,
        () = brokers::interrupted() => Err(anyhow!("interrupted")),
    };
    nats.stop().await?;
    match outcome?.len() {
        6 => story.remark("shop", "the test passes"),
        stored => story.remark(
            "shop",
            &format!("the test fails: {stored} of 6 orders are stored"),
        ),
    }
    let log = story.end();
    let events: Vec<Event> = log.events().iter().map(judged).collect();
    log.close(&strip(&events, &[]))?;
    Ok(())
}

/// The strip asks of each order whether it is in the stream. One that is read back is done.
fn judged(event: &Event) -> Event {
    let mut event = event.clone();
    if event.verb == Verb::Got {
        event.verb = Verb::Done;
    }
    event
}
