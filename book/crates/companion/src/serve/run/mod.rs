//! A listing, run from its page: `POST /-/run` with the listing's name and its knobs. The answer is
//! a stream of server-sent events, one for each piece of [`News`]. `POST /-/stop` ends it, and so
//! does the page when it closes the stream.
//!
//! What a page can start is what the catalogue has: see [`wanted`]. A run is bounded by [`Limits`].
//! When it ends, in whatever way, nothing that it has started is left; see [`child`].

mod attend;
mod built;
pub mod child;
pub mod compile;
mod inside;
mod knobs;
pub mod news;
pub mod output;
mod wanted;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot};

use super::body::object;
use super::places::Places;
use super::refusal::{Refusal, only_post};
use super::stream::{AHEAD, stream};
use attend::Run;
use built::Built;
use news::seconds;
use wanted::{Asked, Wanted};

/// Runs at once.
const RUNS: u32 = 2;

/// How much one run may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long the build may take. A first one compiles every dependency.
    pub build: Duration,
    /// How long the listing may run. A first one may install a broker.
    pub run: Duration,
    /// What it may print, in bytes.
    pub bytes: usize,
    /// The same in lines.
    pub lines: usize,
}

pub const LIMITS: Limits = Limits {
    build: Duration::from_secs(30 * 60),
    run: Duration::from_secs(5 * 60),
    bytes: 1024 * 1024,
    lines: 5_000,
};

/// Why a run, or its build, did not come to its own end.
#[derive(Debug)]
pub enum Cut {
    /// The reader has stopped it.
    Stopped,
    /// The page is gone.
    Vanished,
    /// It took longer than this.
    TooLong(Duration),
    /// It printed more than it may.
    TooMuch,
    /// The compiler refuses the listing.
    Uncompiled,
    /// Something is wrong with this machine.
    Broken(anyhow::Error),
}

impl From<anyhow::Error> for Cut {
    fn from(error: anyhow::Error) -> Cut {
        Cut::Broken(error)
    }
}

impl Cut {
    /// Waits for what ends it from outside: a stop, a page that is gone, or the end of its time.
    pub async fn outside<N>(
        stop: &mut oneshot::Receiver<()>,
        page: &mpsc::Sender<N>,
        limit: Duration,
    ) -> Cut {
        let outside = async {
            tokio::select! {
                biased;
                _ = stop => Cut::Stopped,
                () = page.closed() => Cut::Vanished,
            }
        };
        let cut = tokio::time::timeout(limit, outside).await;
        cut.unwrap_or(Cut::TooLong(limit))
    }

    /// The sentence for it; `what` was going on.
    pub fn said(&self, what: &str, limits: &Limits) -> String {
        match self {
            Cut::Stopped => format!("Stopped while {what}."),
            Cut::Vanished => format!("Ended while {what}: the page is gone."),
            Cut::TooLong(limit) => {
                format!(
                    "Ended while {what}: it took longer than {}.",
                    seconds(*limit)
                )
            }
            Cut::TooMuch => format!(
                "Ended while {what}: it printed more than {} KiB or {} lines.",
                limits.bytes / 1024,
                limits.lines
            ),
            Cut::Uncompiled => "It does not compile; the compiler's words are above.".to_owned(),
            Cut::Broken(error) => format!("Ended while {what}: {error:#}."),
        }
    }
}

/// The runs of a server.
pub struct Runs {
    root: PathBuf,
    built: Arc<Built>,
    /// Those that have not ended.
    pub places: Arc<Places>,
}

impl Runs {
    /// None yet, in the book whose top folder is `root`, and in which servers before this one kept in
    /// mind what they had built in the file `built`.
    pub fn new(root: PathBuf, built: Option<PathBuf>) -> Runs {
        let full = "Two listings run already; stop one, or wait for its end.";
        Runs {
            root,
            built: Arc::new(Built::read(built)),
            places: Places::new(RUNS, full),
        }
    }
}

/// What can be asked for here.
pub fn routes(runs: Arc<Runs>) -> Router {
    Router::new()
        .route("/-/run", post(start).fallback(only_post))
        .route("/-/stop", post(stop).fallback(only_post))
        .with_state(runs)
}

async fn start(State(runs): State<Arc<Runs>>, body: Bytes) -> Result<impl IntoResponse, Refusal> {
    let asked: Asked = read(&body)?;
    let wanted = tokio::task::block_in_place(|| Wanted::find(&runs.root, &asked))?;
    let (place, stop) = runs.places.take()?;
    let (page, heard) = mpsc::channel(AHEAD);
    let run = Run {
        id: place.id,
        root: runs.root.clone(),
        built: runs.built.clone(),
        limits: LIMITS,
        wanted,
        page,
        stop,
    };
    // Its own task: a page that is gone cannot take the run with it half-way.
    tokio::spawn(async move {
        run.attend().await;
        drop(place);
    });
    Ok(stream(heard))
}

/// The body of a stop.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stopped {
    run: u64,
}

async fn stop(State(runs): State<Arc<Runs>>, body: Bytes) -> Result<&'static str, Refusal> {
    const OVER: Refusal = Refusal::new(StatusCode::NOT_FOUND, "There is no such run any more.");
    let Stopped { run } = read(&body)?;
    match runs.places.stop(run) {
        true => Ok("It is being stopped.\n"),
        false => Err(OVER),
    }
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    let refused = "This is not what a page asks with: {\"listing\": NAME, \"knobs\": {NAME: VALUE}} \
                   runs, {\"run\": NUMBER} stops.";
    object(body, refused)
}
