//! Chooses a broker: six answers about a workload, what stands in the way of each shape, one choice
//! with its reason and its price, and the pages that show it.
//!
//! ```console
//! cargo run -p ch05-choose
//! cargo run -p ch05-choose -- --retry yes
//! cargo run -p ch05-choose -- --again yes --order yes --retry yes
//! ```

mod args;
mod shapes;

use std::io::IsTerminal;

use anyhow::Result;
use args::{Args, Workload};
use clap::Parser;
use shapes::{SHAPES, Shape};

fn main() -> Result<()> {
    let mut args = Args::parse();
    if args.is_empty() && std::io::stdin().is_terminal() {
        args.ask()?;
    }
    let work = args.workload();
    for line in described(&work) {
        println!("shop  {line}");
    }
    // ANCHOR: choose
    let mut fitting: Vec<&Shape> = Vec::new();
    for shape in &SHAPES {
        match shape.not_for(&work) {
            Some(reason) => println!("{}  {}: no, {reason}", shape.broker, shape.name),
            None => {
                println!("{}  {}: fits", shape.broker, shape.name);
                fitting.push(shape);
            }
        }
    }
    println!("choice  fits {} of {} shapes", fitting.len(), SHAPES.len());
    // Of equals `max_by_key` takes the last, which from the end of the list is the first one in it:
    // the cheapest to run.
    let best = fitting.iter().rev().max_by_key(|shape| shape.best(&work));
    // ANCHOR_END: choose
    match best {
        Some(shape) => {
            println!("choice  {}: {}", shape.broker, shape.name);
            println!("choice  because {}", shape.because);
            println!("choice  it costs: {}", shape.costs);
            println!("choice  read {}", shape.read);
        }
        None => {
            println!("choice  none: this is more than one flow");
            println!("choice  split it, and ask for each part");
        }
    }
    Ok(())
}

/// The workload in words.
fn described(work: &Workload) -> [String; 6] {
    let choose = |yes, if_yes: &str, if_no: &str| if yes { if_yes } else { if_no }.to_owned();
    [
        choose(
            work.waits,
            "the sender waits for an answer",
            "the sender goes on",
        ),
        choose(work.lost, "a message may be lost", "no message may be lost"),
        choose(
            work.again,
            "messages are read again",
            "a message is read once",
        ),
        choose(
            work.order,
            "several workers keep each key in order",
            "workers need no order",
        ),
        choose(
            work.retry,
            "one that fails is retried alone",
            "one that fails may hold up others",
        ),
        format!("{} runs already", work.runs.unwrap_or("no broker")),
    ]
}
