//! `cargo book bench`: how long things take on this machine.

mod exercises;
mod listings;
mod machine;
mod measure;
mod table;
mod wire;

use std::process::ExitCode;

use anyhow::Result;

use crate::{output, signals};

/// Measure how long things take on this machine
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// The time until a broker is ready: each alone, all three at once, and a warm one
    Brokers(Brokers),
    /// The time of a round trip, direct and through the proxy of the exercises
    Wire(Wire),
    /// The time of each listing's default run, to its first line and to its end, on warm brokers
    Listings(Listings),
    /// The time to the verdict on each exercise's solution, which is built already; where a fault is
    /// the broker's, with its start
    Exercises(Exercises),
}

#[derive(clap::Args)]
struct Brokers {
    /// Starts of each kind; one more before them, which may install a broker, is not counted
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,

    /// The same in containers, of the images that the book takes
    #[arg(long)]
    containers: bool,
}

#[derive(clap::Args)]
struct Wire {
    /// Round trips with each broker, direct and through the proxy
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
}

#[derive(clap::Args)]
struct Listings {
    /// Only the chapters whose names begin so
    #[arg(value_name = "CHAPTER", default_value = "")]
    chapter: String,

    /// Runs of each listing; one more before them, which may start a broker, is not counted
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
}

#[derive(clap::Args)]
struct Exercises {
    /// Only the exercises whose names begin so
    #[arg(value_name = "EXERCISE", default_value = "")]
    exercise: String,

    /// Gradings of each solution, with its faults and without; one more before them is not counted
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
}

/// Measures and prints a table. It says how fast, never how fast it should be.
pub fn run(args: Args) -> Result<ExitCode> {
    signals::interruptible(async move {
        let (runs, table) = match args.what {
            What::Brokers(Brokers { runs, containers }) => {
                let rows = measure::brokers(runs, containers).await?;
                (runs, table::render(["broker", "source"], &rows))
            }
            What::Wire(Wire { runs }) => (runs, wire::render(&wire::measure(runs).await?)),
            What::Listings(Listings { chapter, runs }) => {
                let rows = listings::measure(&chapter, runs).await?;
                (runs, table::render(["listing", "until"], &rows))
            }
            What::Exercises(Exercises { exercise, runs }) => {
                let rows = exercises::measure(&exercise, runs).await?;
                (runs, table::render(["exercise", "faults"], &rows))
            }
        };
        output::line(format_args!("machine  {}", machine::describe()))?;
        output::line(format_args!(
            "date     {}",
            time::OffsetDateTime::now_utc().date()
        ))?;
        output::line(format_args!("runs     {runs} of each\n"))?;
        output::line(table)?;
        Ok(ExitCode::SUCCESS)
    })
}
