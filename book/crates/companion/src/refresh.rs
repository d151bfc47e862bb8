//! `cargo book refresh`: the cached brokers, as new as they are to be had.

use std::process::ExitCode;

use anyhow::Result;
use brokers::Kind;

use crate::warm::Name;
use crate::{output, signals};

/// Install the current versions of the brokers into the cache
///
/// Without it a broker stays as it was first installed. A running one is not touched.
#[derive(clap::Args)]
pub struct Args {
    /// Which ones; without any, those that the cache has
    #[arg(value_name = "BROKER")]
    brokers: Vec<Name>,
}

/// Installs one after the other. One that fails does not keep the next from it; the exit
/// code is 1 then.
pub fn run(args: Args) -> Result<ExitCode> {
    signals::interruptible(refresh(args))
}

async fn refresh(args: Args) -> Result<ExitCode> {
    let mut wanted: Vec<Kind> = args.brokers.into_iter().map(Kind::from).collect();
    if wanted.is_empty() {
        for kind in Kind::ALL {
            if brokers::installed(kind)?.is_some() {
                wanted.push(kind);
            }
        }
    }
    if wanted.is_empty() {
        output::line("the cache has no broker yet; the first run of a listing installs one")?;
    }
    let mut code = ExitCode::SUCCESS;
    for kind in wanted {
        let old = brokers::installed(kind)?.map(|(version, _)| version);
        match brokers::refresh(kind).await {
            Ok(new) => output::line(told(kind, old.as_deref(), &new))?,
            Err(error) => {
                eprintln!("error: {error}");
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn told(kind: Kind, old: Option<&str>, new: &str) -> String {
    match old {
        Some(old) if old != new => format!("{kind} {new}, before {old}"),
        Some(_) => format!("{kind} {new}, as before"),
        None => format!("{kind} {new}"),
    }
}
