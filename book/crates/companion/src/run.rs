//! `cargo book run`: a listing, by its chapter's id.

use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use anyhow::{Context, Result};
use catalog::Catalog;
use companion::toolchain;

/// Run the listing of a chapter: cargo run -p ID
#[derive(clap::Args)]
pub struct Args {
    /// The chapter, for example ch03-rabbit-queue
    #[arg(value_name = "ID")]
    id: String,
    /// Features to build it with, for example rabbitmq,kafka
    #[arg(long)]
    features: Option<String>,
    /// The listing's own arguments, after --
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

/// Becomes cargo, which becomes the listing: signals and the exit code are the listing's.
pub fn run(args: Args) -> Result<ExitCode> {
    let catalog = Catalog::find()?;
    let chapter = catalog.chapter(&args.id)?;
    let mut command = toolchain::cargo();
    command.args(["run", "--package", &chapter.id]);
    if let Some(features) = &args.features {
        command.args(["--features", features]);
    }
    command.arg("--").args(&args.arguments);
    Err(command.exec()).context("cannot start cargo")
}
