//! What a reader has done, for the pages: to be read, noted, kept elsewhere, replaced and begun anew.
//!
//! All are `POST`, so that reading it, too, needs the session's cookie and a page of the book's own.
//! What a page can note are names of the catalogue; that a listing was run is noted by [`super::run`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use catalog::{Answer, Catalog, Figures};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::body::object;
use super::refusal::{Refusal, only_post};

/// What can be asked for here, in the book whose top folder is `root`.
pub fn routes(root: &Path) -> Router {
    Router::new()
        .route("/-/progress", post(show).fallback(only_post))
        .route("/-/progress/read", post(read).fallback(only_post))
        .route("/-/progress/predict", post(predict).fallback(only_post))
        .route("/-/progress/export", post(export).fallback(only_post))
        .route("/-/progress/import", post(import).fallback(only_post))
        .route("/-/progress/reset", post(reset).fallback(only_post))
        .with_state(root.into())
}

type Root = State<Arc<Path>>;

/// What a page shows of it.
#[derive(Serialize)]
struct View {
    /// The pages that a reader comes by, with what is done there.
    pages: Vec<Page>,
    /// All of them together.
    all: Figures,
    /// By page, the last answer to each prediction.
    predict: BTreeMap<String, BTreeMap<String, Answer>>,
    /// The file, as a reader sees it.
    file: String,
    /// The copy of what was replaced just now.
    copy: Option<String>,
}

#[derive(Serialize)]
struct Page {
    slug: String,
    #[serde(flatten)]
    figures: Figures,
}

/// The body of what needs nothing said.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn show(State(root): Root, body: Bytes) -> Result<Json<View>, Refusal> {
    let Nothing {} = parse(&body)?;
    blocking(|| view(&open(&root)?, None))
}

/// The body of a note that the end of a page was reached.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reached {
    page: String,
}

async fn read(State(root): Root, body: Bytes) -> Result<Json<View>, Refusal> {
    const NO_PAGE: Refusal = Refusal::new(
        StatusCode::NOT_FOUND,
        "The book has no such page, or none that counts as read.",
    );
    let Reached { page } = parse(&body)?;
    blocking(|| {
        let catalog = open(&root)?;
        let outline = catalog.outline().map_err(|error| unreadable(&error))?;
        if !outline.iter().any(|stop| stop.slug == page) {
            return Err(NO_PAGE);
        }
        let kept = catalog.progress().reached_end(&page);
        kept.map_err(|error| unkept(&error))?;
        view(&catalog, None)
    })
}

/// The body of an answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Predicted {
    page: String,
    prediction: String,
    option: usize,
}

async fn predict(State(root): Root, body: Bytes) -> Result<Json<View>, Refusal> {
    const NO_PREDICTION: Refusal = Refusal::new(
        StatusCode::NOT_FOUND,
        "That page asks for no such prediction.",
    );
    const NO_OPTION: Refusal = Refusal::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "The prediction has no such option.",
    );
    let asked: Predicted = parse(&body)?;
    blocking(|| {
        let catalog = open(&root)?;
        let outline = catalog.outline().map_err(|error| unreadable(&error))?;
        let asks = outline
            .iter()
            .any(|stop| stop.slug == asked.page && stop.predictions.contains(&asked.prediction));
        let (chapter, id) = asked.prediction.split_once('/').ok_or(NO_PREDICTION)?;
        if !asks {
            return Err(NO_PREDICTION);
        }
        let found = catalog.predict(chapter, id);
        let found = found.map_err(|error| unreadable(&error))?;
        if asked.option >= found.options.len() {
            return Err(NO_OPTION);
        }
        let answer = Answer {
            option: asked.option,
            right: asked.option == found.right(),
        };
        let progress = catalog.progress();
        let kept = progress.predicted(&asked.page, &asked.prediction, &answer);
        kept.map_err(|error| unkept(&error))?;
        view(&catalog, None)
    })
}

async fn export(State(root): Root, body: Bytes) -> Result<Response, Refusal> {
    let Nothing {} = parse(&body)?;
    let text = blocking(|| {
        let text = open(&root)?.progress().export();
        text.map_err(|error| unkept(&error))
    })?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// The body of an import: what an export gave.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Imported {
    progress: Map<String, Value>,
}

async fn import(State(root): Root, body: Bytes) -> Result<Json<View>, Refusal> {
    let Imported { progress } = parse(&body)?;
    let text = Value::Object(progress).to_string();
    blocking(|| {
        let catalog = open(&root)?;
        let copy = catalog.progress().import(&text);
        let copy = copy.map_err(|error| Refusal::of(StatusCode::UNPROCESSABLE_ENTITY, &error))?;
        view(&catalog, copy)
    })
}

async fn reset(State(root): Root, body: Bytes) -> Result<Json<View>, Refusal> {
    let Nothing {} = parse(&body)?;
    blocking(|| {
        let catalog = open(&root)?;
        let copy = catalog.progress().reset();
        let copy = copy.map_err(|error| unkept(&error))?;
        view(&catalog, copy)
    })
}

fn view(catalog: &Catalog, copy: Option<PathBuf>) -> Result<Json<View>, Refusal> {
    let progress = catalog.progress();
    let done = progress.record().map_err(|error| unkept(&error))?;
    let outline = catalog.outline().map_err(|error| unreadable(&error))?;
    let mut all = Figures::default();
    let page = |stop: catalog::Stop| {
        let figures = stop.figures(&done);
        all += figures;
        Page {
            slug: stop.slug,
            figures,
        }
    };
    Ok(Json(View {
        pages: outline.into_iter().map(page).collect(),
        all,
        predict: done.predict,
        file: catalog.shown(&progress.path()),
        copy: copy.map(|copy| catalog.shown(&copy)),
    }))
}

/// Files are read, and a lock waited for, where nobody else waits.
fn blocking<T>(work: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    tokio::task::block_in_place(work)
}

fn open(root: &Path) -> Result<Catalog, Refusal> {
    Catalog::open(root).map_err(|error| unreadable(&error))
}

fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    let refused = "This is not what a page asks with: {} shows, exports and resets, {\"page\": NAME} \
                   notes a page, {\"page\": NAME, \"prediction\": NAME, \"option\": NUMBER} an \
                   answer, {\"progress\": {...}} imports.";
    object(body, refused)
}

fn unreadable(error: &anyhow::Error) -> Refusal {
    eprintln!("error: {error:#}");
    Refusal::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "The book's folder cannot be read; the terminal says why.",
    )
}

/// Something is wrong with the reader's own file, or its folder. It is as it was.
fn unkept(error: &anyhow::Error) -> Refusal {
    Refusal::of(StatusCode::CONFLICT, error)
}
