//! `cargo book serve`: the book on this machine's loopback address, built anew when
//! a source changes.

mod body;
mod builder;
mod listen;
mod pages;
mod places;
mod policy;
mod progress;
mod refusal;
mod run;
mod security;
mod site;
mod solve;
mod stream;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use brokers::Kind;
use catalog::{Catalog, Progress, Record};
use companion::runner;
use tokio::sync::watch::{Sender, channel};

use crate::signals::{self, Stop};
use crate::sources::Sources;
use crate::warm::keeper::{Claim, Keeper};
use crate::warm::up;
use crate::{output, repository};
use builder::Builder;
use run::Runs;
use security::Gate;
use site::Site;
use solve::Desk;

/// Folders whose every file is a source of the book.
const FOLDERS: [&str; 5] = [
    "book/src",
    "book/theme",
    "book/glossary",
    "book/settings",
    "chapters",
];
/// Single files that are sources; their folders are not.
const FILES: [&str; 2] = ["book.toml", "book/misconceptions.toml"];

/// How long what pages have started may take to end with the server.
const ENDING: Duration = runner::CLEANING.saturating_add(Duration::from_secs(5));

/// Build the book, serve it on 127.0.0.1, build it again when a source changes
///
/// Ends with Ctrl-C or SIGTERM, exit code 0. An open page reloads after each build; a build that
/// fails leaves the last good book. The printed address is good for one visit: it lets that
/// browser, and no other program, run the listings of the pages.
#[derive(clap::Args)]
pub struct Args {
    /// Do not open the browser
    #[arg(long)]
    no_open: bool,
    /// The port to listen on, 0 for a free one [default: 4300, or a free one where that is taken]
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Also start brokers and keep them, as `cargo book up` does
    #[arg(long)]
    warm: bool,
}

/// Serves until a signal ends it.
pub fn run(args: Args) -> Result<ExitCode> {
    signals::block_on(async {
        let mut stop = Stop::listen()?;
        let root = repository::root()?;
        let progress = Catalog::open(&root)?.progress();
        let built = progress.own("built.json").ok();
        let runs = Arc::new(Runs::new(root.clone(), built));
        let desk = Arc::new(Desk::new(root.clone()));
        let mut keeper = None;
        let ended = tokio::select! {
            _ = stop.wait() => Ok(ExitCode::SUCCESS),
            failed = serve(args, (root, progress), (runs.clone(), desk.clone()), &mut keeper) => failed,
        };
        if runs.places.is_busy() || desk.places.is_busy() {
            eprintln!("what a page has started is asked to end; Ctrl-C again does not wait for it");
        }
        let closed = async { tokio::join!(runs.places.close(), desk.places.close()) };
        tokio::select! {
            _ = stop.wait() => {}
            _ = tokio::time::timeout(ENDING, closed) => {}
        }
        if let Some(keeper) = keeper {
            Keeper::stop(keeper).await?;
        }
        ended
    })
}

/// Ends only with an error.
async fn serve(
    args: Args,
    (root, progress): (PathBuf, Progress),
    (runs, desk): (Arc<Runs>, Arc<Desk>),
    keeper: &mut Option<Keeper>,
) -> Result<ExitCode> {
    let mut builder = Builder::new(root)?;
    // A folder that is not there cannot be watched.
    progress.own("progress.json")?;
    let mut sources = watched(builder.root(), &progress)?;
    let passed = Passed::of(progress);
    let first = builder.build().await?;
    let listener = listen::bind(args.port).await?;
    let port = listener
        .local_addr()
        .context("the socket has no address")?
        .port();
    let gate = Arc::new(Gate::new(port)?);
    let entrance = gate.entrance();
    let (newest, heard) = channel(Arc::new(first));
    let others = progress::routes(builder.root()).merge(solve::routes(desk));
    let service = pages::service(gate, heard, runs, others);
    tokio::spawn(listen::serve(listener, service));
    output::line(format_args!("the book is at {entrance}"))?;
    if !args.no_open {
        open_browser(entrance);
    }
    tokio::select! {
        failed = follow(&mut builder, &mut sources, passed, &newest) => failed,
        failed = keep_warm(args.warm, keeper) => failed,
    }
}

/// A watch over the sources of the book.
fn watched(root: &Path, progress: &Progress) -> Result<Sources> {
    let folders = FOLDERS.map(|folder| root.join(folder));
    let mut files = FILES.map(|file| root.join(file)).to_vec();
    files.push(progress.path());
    Sources::watch(folders.to_vec(), files)
}

/// What the book shows of the reader's progress: a solution, once its exercise is passed.
struct Passed {
    progress: Progress,
    /// None where the file cannot be read, which a build tells.
    known: Option<BTreeSet<String>>,
}

impl Passed {
    fn of(progress: Progress) -> Passed {
        let mut passed = Passed {
            progress,
            known: None,
        };
        passed.changed();
        passed
    }

    /// Whether it is another set than before.
    fn changed(&mut self) -> bool {
        let now = self.progress.record().ok().map(Record::passed);
        let before = std::mem::replace(&mut self.known, now);
        before != self.known
    }

    /// Whether a change of these files changes no page: the reader has read on, and no more.
    fn alone_in(&mut self, paths: &[PathBuf]) -> bool {
        let own = self.progress.path();
        let (own, others): (Vec<_>, Vec<_>) = paths.iter().partition(|path| **path == own);
        let passed = !own.is_empty() && self.changed();
        others.is_empty() && !passed
    }
}

/// Starts the warm brokers where they are asked for and nobody keeps them yet, and tends
/// them. Ends only with an error.
async fn keep_warm(wanted: bool, keeper: &mut Option<Keeper>) -> Result<ExitCode> {
    if wanted {
        match Claim::take()? {
            Err(pid) => eprintln!("warm brokers are kept already, by process {pid}"),
            Ok(claim) => {
                let all = Kind::ALL.map(|kind| (kind, None));
                let keeper = keeper.insert(Keeper::start(claim, &all, up::tell).await?);
                keeper.tend().await;
            }
        }
    }
    std::future::pending().await
}

/// Builds after each change. A build that fails leaves the last good one served.
async fn follow(
    builder: &mut Builder,
    sources: &mut Sources,
    mut passed: Passed,
    newest: &Sender<Arc<Site>>,
) -> Result<ExitCode> {
    loop {
        let paths = sources
            .changed()
            .await
            .context("the watch over the sources ended")?;
        let Some(path) = paths.last().filter(|_| !passed.alone_in(&paths)) else {
            continue;
        };
        let shown = path.strip_prefix(builder.root()).unwrap_or(path);
        eprintln!("changed: {}", shown.display());
        match builder.build().await {
            Ok(site) => drop(newest.send_replace(Arc::new(site))),
            Err(error) => eprintln!("error: {error:#}; the last good book stays served"),
        }
    }
}

/// Asks the desktop for a browser. Where there is none, the printed address remains.
fn open_browser(address: String) {
    tokio::task::spawn_blocking(move || {
        if open::that_detached(&address).is_err() {
            eprintln!("no browser was found; open the address yourself");
        }
    });
}
