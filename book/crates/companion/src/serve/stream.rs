//! What a page hears of something that goes on: one server-sent event for each piece of news.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Serialize;
use tokio::sync::mpsc::Receiver;

/// News that may wait for the page; what is ahead of it waits.
pub const AHEAD: usize = 64;
/// How often a page that hears nothing is tried.
const TRY: Duration = Duration::from_secs(5);

/// All news that come, until their sender is gone.
pub fn stream<N: Serialize + Send + 'static>(
    heard: Receiver<N>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(unfold(heard, next)).keep_alive(KeepAlive::new().interval(TRY))
}

async fn next<N: Serialize + Send + 'static>(
    mut heard: Receiver<N>,
) -> Option<(Result<Event, Infallible>, Receiver<N>)> {
    let news = heard.recv().await?;
    let json = serde_json::to_string(&news).unwrap_or_default();
    Some((Ok(Event::default().data(json)), heard))
}
