//! What the server answers once a request is let through: the files of the book,
//! and the news of a build.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::watch::Receiver;

use super::refusal::Refusal;
use super::run::{self, Runs};
use super::security::{Gate, guard, seal};
use super::site::{File, Site, clean};

/// The newest build; its receiver also hears of the next one.
pub type Newest = Receiver<Arc<Site>>;

/// The whole service, its guard outermost but for the headers on every answer.
pub fn service(gate: Arc<Gate>, newest: Newest, runs: Arc<Runs>, progress: Router) -> Router {
    Router::new()
        .route("/-/live/{name}", get(script))
        .route("/-/builds", get(builds))
        .fallback(page)
        .with_state(newest)
        .merge(run::routes(runs))
        .merge(progress)
        .layer(from_fn_with_state(gate, guard))
        .layer(map_response(seal))
}

async fn page(State(newest): State<Newest>, request: Request) -> Response {
    if *request.method() == Method::POST {
        return Refusal::new(StatusCode::NOT_FOUND, "There is nothing to write to here.")
            .into_response();
    }
    let path = match clean(request.uri().path()) {
        Ok(path) => path,
        Err(refusal) => return refusal.into_response(),
    };
    let site = newest.borrow().clone();
    match (site.get(&path), site.get("404.html")) {
        (Some(file), _) => send(StatusCode::OK, file),
        (None, Some(file)) => send(StatusCode::NOT_FOUND, file),
        (None, None) => {
            Refusal::new(StatusCode::NOT_FOUND, "The book has no such page.").into_response()
        }
    }
}

fn send(status: StatusCode, file: &File) -> Response {
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(file.kind))];
    let mut response = (status, kind, file.body.clone()).into_response();
    if let Some(policy) = &file.policy {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    }
    response
}

/// The scripts of a served page. It loads the first; the others are imported once they are needed.
const SCRIPTS: [(&str, &str); 10] = [
    ("editor.js", include_str!("live/editor/editor.js")),
    ("grading.js", include_str!("live/grading.js")),
    ("main.js", include_str!("live/main.js")),
    ("map.js", include_str!("live/map.js")),
    ("predict.js", include_str!("live/predict.js")),
    ("progress.js", include_str!("live/progress.js")),
    ("run.js", include_str!("live/run.js")),
    ("solve.js", include_str!("live/solve.js")),
    ("stream.js", include_str!("live/stream.js")),
    ("text.js", include_str!("live/text.js")),
];

async fn script(Path(name): Path<String>) -> Result<impl IntoResponse, Refusal> {
    let found = SCRIPTS.iter().find(|(it, _)| *it == name);
    let (_, text) = found.ok_or(Refusal::new(
        StatusCode::NOT_FOUND,
        "The book has no such script.",
    ))?;
    let kind = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
    Ok((kind, *text))
}

/// The number of the build that is served, now and after each change.
async fn builds(State(mut newest): State<Newest>) -> Sse<impl Stream<Item = News>> {
    newest.mark_changed();
    Sse::new(unfold(newest, next_build)).keep_alive(KeepAlive::default())
}

type News = Result<Event, Infallible>;

async fn next_build(mut newest: Newest) -> Option<(News, Newest)> {
    newest.changed().await.ok()?;
    let build = newest.borrow_and_update().build;
    Some((Ok(Event::default().data(build.to_string())), newest))
}
