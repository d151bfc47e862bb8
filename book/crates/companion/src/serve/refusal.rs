//! A request that the server turns down.

use std::borrow::Cow;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// A status and one plain sentence that says what is wrong with the request.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    sentence: Cow<'static, str>,
}

impl Refusal {
    /// A refusal with this status; the sentence becomes the body.
    pub const fn new(status: StatusCode, sentence: &'static str) -> Refusal {
        Refusal {
            status,
            sentence: Cow::Borrowed(sentence),
        }
    }

    /// A refusal that says what an error says.
    pub fn of(status: StatusCode, error: &anyhow::Error) -> Refusal {
        Refusal {
            status,
            sentence: Cow::Owned(format!("{error:#}.")),
        }
    }
}

/// The answer to a request that is no `POST`, where only scripts ask.
pub async fn only_post() -> Refusal {
    Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "This is no page; the script of a page asks for it with POST.",
    )
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, format!("{}\n", self.sentence)).into_response()
    }
}
