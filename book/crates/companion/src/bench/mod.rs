//! `cargo book bench`: how long things take on this machine.

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

/// Measures and prints a table. It says how fast, never how fast it should be.
pub fn run(args: Args) -> Result<ExitCode> {
    signals::interruptible(async move {
        let (runs, table) = match args.what {
            What::Brokers(Brokers { runs, containers }) => {
                let rows = measure::brokers(runs, containers).await?;
                (runs, table::render(&rows))
            }
            What::Wire(Wire { runs }) => (runs, wire::render(&wire::measure(runs).await?)),
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
