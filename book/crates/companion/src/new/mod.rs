//! `cargo book new`: the first version of something, complete and running.

mod chapter;
mod name;
mod summary;

use std::process::ExitCode;

use anyhow::Result;
use catalog::Catalog;

use crate::output;

/// Make the first version of something
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// A chapter: its crate, its page and the line in SUMMARY.md
    Chapter {
        /// NN-BROKER-TOPIC, BROKER being nats, rabbit or kafka; for example 03-rabbit-priorities
        name: String,
    },
}

/// Makes it, or says why not and leaves everything as it was.
pub fn run(args: Args) -> Result<ExitCode> {
    let What::Chapter { name } = args.what;
    let name: name::Name = name.parse()?;
    let id = name.id();
    for path in chapter::create(&Catalog::find()?, &name)? {
        output::line(format_args!("made {path}"))?;
    }
    let (run, accept) = (
        format!("cargo run -p {id}"),
        format!("cargo book accept {id}"),
    );
    let test = "cargo test -p book-tests";
    let width = accept.len();
    output::line(format_args!(
        "\nnext:\n  {run:width$}  it runs as it is: make it yours\n  \
         {accept}  records what it prints\n  \
         {test:width$}  tells what is still missing"
    ))?;
    Ok(ExitCode::SUCCESS)
}
