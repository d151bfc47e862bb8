//! What a request says.

use axum::body::Bytes;
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use super::refusal::Refusal;

/// The JSON object that a request holds. Anything else is refused with this sentence: serde would
/// take a list of an object's values as well.
pub fn object<T: DeserializeOwned>(body: &Bytes, refused: &'static str) -> Result<T, Refusal> {
    let is_object = body.trim_ascii_start().starts_with(b"{");
    let read = is_object.then(|| serde_json::from_slice(body).ok());
    let refusal = Refusal::new(StatusCode::BAD_REQUEST, refused);
    read.flatten().ok_or(refusal)
}
