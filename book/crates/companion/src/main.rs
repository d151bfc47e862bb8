//! The program behind `cargo book`: builds and serves the book, runs its
//! listings, keeps brokers warm, records transcripts and checks it all.

mod accept;
mod answer;
mod bench;
mod build;
mod cargo;
mod check;
mod difference;
mod folder;
mod grade;
mod hint;
mod new;
mod output;
mod percentile;
mod progress;
mod refresh;
mod repository;
mod reset;
mod run;
mod serve;
mod signals;
mod soak;
mod sources;
mod warm;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds and serves the book, runs its listings, keeps brokers warm.
#[derive(Parser)]
#[command(
    name = "cargo book",
    bin_name = "cargo book",
    max_term_width = 100,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Args),
    Build(build::Args),
    Run(run::Args),
    Grade(grade::Args),
    Watch(watch::Args),
    Hint(hint::Args),
    Reset(reset::Args),
    Progress(progress::Args),
    Soak(soak::Args),
    Up(warm::up::Args),
    Down(warm::down::Args),
    Status(warm::status::Args),
    Refresh(refresh::Args),
    Check(check::Args),
    Accept(accept::Args),
    Bench(bench::Args),
    New(new::Args),
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(std::io::stderr)
        .with_target(false)
        .without_time()
        .init();
    let done = match Cli::parse().command {
        Command::Serve(args) => serve::run(args),
        Command::Build(args) => build::run(args),
        Command::Run(args) => run::run(args),
        Command::Grade(args) => grade::run(args),
        Command::Watch(args) => watch::run(args),
        Command::Hint(args) => hint::run(args),
        Command::Reset(args) => reset::run(args),
        Command::Progress(args) => progress::run(args),
        Command::Soak(args) => soak::run(args),
        Command::Up(args) => warm::up::run(args),
        Command::Down(args) => warm::down::run(args),
        Command::Status(args) => warm::status::run(args),
        Command::Refresh(args) => refresh::run(args),
        Command::Check(args) => check::run(args),
        Command::Accept(args) => accept::run(args),
        Command::Bench(args) => bench::run(args),
        Command::New(args) => new::run(args),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
