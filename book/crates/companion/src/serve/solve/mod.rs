//! An exercise, solved on its page: the one place where text from a page becomes code, and only as
//! that exercise's own `src/main.rs`. All of it is POST of JSON:
//!
//! | Path | What it does |
//! |---|---|
//! | `/-/solve/open` | gives the file, its version, and the draft that was not saved |
//! | `/-/solve/draft` | keeps what is typed, under `.book/drafts` |
//! | `/-/solve/save` | writes the file, unless it is another one than the editor began from |
//! | `/-/solve/reset` | puts the stub in its place, and keeps a copy |
//! | `/-/solve/hint` | counts a hint that was opened |
//! | `/-/solve/grade` | judges it: a stream of [`News`] |
//! | `/-/solve/stop` | ends that, and so does the page when it closes the stream |
//!
//! What is not as the page believes is answered 409 with what there is; nothing is overwritten.

mod attend;
mod draft;
mod news;
mod problems;
mod wanted;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use catalog::{Catalog, Rung};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::body::object;
use super::places::Places;
use super::refusal::{Refusal, only_post};
use super::stream::{AHEAD, stream};
use crate::answer::{self, Answer, Replaced, Text};
use crate::difference::difference;
use crate::folder::Trouble;
use attend::Grading;
use draft::{Draft, Drafts};

/// Where a body may be larger than elsewhere.
pub const LARGE: [&str; 3] = ["/-/solve/open", "/-/solve/save", "/-/solve/draft"];

/// The exercises of a server.
pub struct Desk {
    root: PathBuf,
    /// The one that is graded.
    pub places: Arc<Places>,
}

impl Desk {
    /// Those of the book whose top folder is `root`.
    pub fn new(root: PathBuf) -> Desk {
        let full = "Another answer is being graded; stop that, or wait for its end.";
        Desk {
            root,
            places: Places::new(1, full),
        }
    }

    fn catalog(&self) -> Result<Catalog, Refusal> {
        Catalog::open(&self.root).map_err(wanted::unreadable)
    }
}

/// What can be asked for here.
pub fn routes(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/-/solve/open", post(open).fallback(only_post))
        .route("/-/solve/draft", post(keep).fallback(only_post))
        .route("/-/solve/save", post(save).fallback(only_post))
        .route("/-/solve/reset", post(reset).fallback(only_post))
        .route("/-/solve/hint", post(hint).fallback(only_post))
        .route("/-/solve/grade", post(grade).fallback(only_post))
        .route("/-/solve/stop", post(stop).fallback(only_post))
        .with_state(desk)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened {
    exercise: String,
    /// What the page would change, where that is not the draft.
    text: Option<String>,
}

async fn open(State(desk): State<Arc<Desk>>, body: Bytes) -> Result<Json<Value>, Refusal> {
    let Opened { exercise, text } = read(&body)?;
    tokio::task::block_in_place(|| {
        let catalog = desk.catalog()?;
        let exercise = wanted::exercise(&catalog, &exercise)?;
        if exercise.rung == Rung::Judge {
            let verdicts = wanted::verdicts(&catalog, &exercise).map_err(wanted::unreadable)?;
            let programs: Vec<&String> = exercise.naive.keys().collect();
            return Ok(Json(json!({"programs": programs, "verdicts": verdicts})));
        }
        let answer = Answer::take(&catalog, &exercise).map_err(refuse)?;
        let (now, stub) = (
            answer.read().map_err(refuse)?,
            answer.stub().map_err(refuse)?,
        );
        let drafts = Drafts::open(&catalog, &exercise).map_err(refuse)?;
        let kept = drafts.newest().map_err(refuse)?;
        let mine = text.as_ref().or(kept.as_ref().map(|it| &it.draft.text));
        let differs = mine.map(|mine| changes(&now.text, mine));
        Ok(Json(json!({
            "file": catalog.shown(&exercise.main()),
            "text": now.text,
            "version": now.version,
            "stub": now == stub,
            "kept": kept,
            "difference": differs,
        })))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    exercise: String,
    seen: u64,
    draft: Draft,
}

async fn keep(State(desk): State<Arc<Desk>>, body: Bytes) -> Result<Response, Refusal> {
    let Typed {
        exercise,
        seen,
        draft,
    } = read(&body)?;
    checked(&draft.text)?;
    let mine = draft.text.clone();
    tokio::task::block_in_place(|| {
        let catalog = desk.catalog()?;
        let exercise = wanted::written(&catalog, &exercise)?;
        let drafts = Drafts::open(&catalog, &exercise).map_err(refuse)?;
        Ok(match drafts.keep(draft, seen).map_err(refuse)? {
            Ok(number) => Json(json!({"number": number})).into_response(),
            Err(newest) => {
                let difference = changes(&newest.draft.text, &mine);
                let now = json!({"kept": newest, "difference": difference});
                (StatusCode::CONFLICT, Json(now)).into_response()
            }
        })
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    exercise: String,
    version: String,
    text: String,
}

async fn save(State(desk): State<Arc<Desk>>, body: Bytes) -> Result<Response, Refusal> {
    let Saved {
        exercise,
        version,
        text,
    } = read(&body)?;
    checked(&text)?;
    tokio::task::block_in_place(|| {
        let catalog = desk.catalog()?;
        let exercise = wanted::written(&catalog, &exercise)?;
        let answer = Answer::take(&catalog, &exercise).map_err(refuse)?;
        let replaced = answer.replace(&text, &version).map_err(refuse)?;
        Ok(match replaced {
            Replaced::Done(now) => Json(json!({"version": now.version})).into_response(),
            Replaced::Changed(now) => changed(&now, &text),
        })
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fresh {
    exercise: String,
    version: String,
}

async fn reset(State(desk): State<Arc<Desk>>, body: Bytes) -> Result<Response, Refusal> {
    let Fresh { exercise, version } = read(&body)?;
    tokio::task::block_in_place(|| {
        let catalog = desk.catalog()?;
        let exercise = wanted::written(&catalog, &exercise)?;
        let answer = Answer::take(&catalog, &exercise).map_err(refuse)?;
        let now = answer.read().map_err(refuse)?;
        if now.version != version {
            return Ok(changed(&now, &now.text));
        }
        let copy = answer.reset().map_err(refuse)?;
        let now = answer.read().map_err(refuse)?;
        let copy = copy.map(|path| catalog.shown(&path));
        let fresh = json!({"text": now.text, "version": now.version, "copy": copy});
        Ok(Json(fresh).into_response())
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hinted {
    exercise: String,
    hint: u32,
}

async fn hint(State(desk): State<Arc<Desk>>, body: Bytes) -> Result<&'static str, Refusal> {
    const NO_HINT: Refusal = Refusal::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "The exercise has no such hint.",
    );
    let Hinted { exercise, hint } = read(&body)?;
    tokio::task::block_in_place(|| {
        let catalog = desk.catalog()?;
        let exercise = wanted::exercise(&catalog, &exercise)?;
        if hint == 0 || hint as usize > exercise.hints.len() {
            return Err(NO_HINT);
        }
        let kept = catalog.progress().hinted(&exercise.id, hint);
        kept.map_err(wanted::unreadable)?;
        Ok("It is counted.\n")
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Graded {
    exercise: String,
    #[serde(default)]
    guesses: BTreeMap<String, String>,
}

async fn grade(State(desk): State<Arc<Desk>>, body: Bytes) -> Result<impl IntoResponse, Refusal> {
    let Graded { exercise, guesses } = read(&body)?;
    let (catalog, exercise, arguments) = tokio::task::block_in_place(|| {
        let catalog = desk.catalog()?;
        let exercise = wanted::exercise(&catalog, &exercise)?;
        let arguments = wanted::arguments(&catalog, &exercise, &guesses)?;
        Ok::<_, Refusal>((catalog, exercise, arguments))
    })?;
    let (place, stop) = desk.places.take()?;
    let (page, heard) = mpsc::channel(AHEAD);
    let grading = Grading {
        id: place.id,
        catalog,
        exercise,
        arguments,
        page,
        stop,
    };
    // Its own task: a page that is gone cannot take it with it half-way.
    tokio::spawn(async move {
        grading.attend().await;
        drop(place);
    });
    Ok(stream(heard))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stopped {
    grading: u64,
}

async fn stop(State(desk): State<Arc<Desk>>, body: Bytes) -> Result<&'static str, Refusal> {
    const OVER: Refusal = Refusal::new(StatusCode::NOT_FOUND, "There is no such grading any more.");
    let Stopped { grading } = read(&body)?;
    match desk.places.stop(grading) {
        true => Ok("It is being stopped.\n"),
        false => Err(OVER),
    }
}

/// Whether this can be an answer.
fn checked(text: &str) -> Result<(), Refusal> {
    if text.len() > answer::LIMIT {
        return Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "An answer is at most 256 KiB.",
        ));
    }
    match text.contains('\0') {
        true => Err(Refusal::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "An answer is text, without the character NUL.",
        )),
        false => Ok(()),
    }
}

/// The file is another one than the page believes: what is in it, and what the page would change.
fn changed(now: &Text, mine: &str) -> Response {
    let now = json!({
        "text": now.text,
        "version": now.version,
        "difference": changes(&now.text, mine),
    });
    (StatusCode::CONFLICT, Json(now)).into_response()
}

fn changes(old: &str, new: &str) -> String {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    difference(&lines(old), &lines(new))
}

fn refuse(trouble: Trouble) -> Refusal {
    let sentence = match trouble {
        // It may be the disk that is full, and a reader must know that nothing was saved.
        Trouble::Broken(error) => {
            eprintln!("error: {error:#}");
            return Refusal::of(StatusCode::INTERNAL_SERVER_ERROR, &error);
        }
        Trouble::NoFile => {
            "The exercise's file or its draft is a link, lies behind one, or is no plain file; put the file itself there."
        }
        Trouble::NoFolder => "The exercise has no folder src; make it.",
        Trouble::TooLong => {
            "The exercise's file is longer than 256 KiB; shorten it in another editor."
        }
        Trouble::NoText => "The exercise's file is not UTF-8 text; save it as such.",
    };
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, sentence)
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    let refused =
        "This is not what a page asks with; reload the page, which is of an older server.";
    object(body, refused)
}
