//! Who may ask what. Each request passes [`guard`] before anything else sees it.
//!
//! The rules, in this order:
//! 1. `Host`, once, is one of the names that this server answers to. A page whose
//!    name was rebound to 127.0.0.1 still sends its own name.
//! 2. `Origin`, where it is sent, is the server's own.
//! 3. A read is GET or HEAD and has no body.
//! 4. A write is POST; it has an `Origin`, the session's cookie, JSON and at most
//!    [`BODY_LIMIT`] bytes, or [`TEXT_LIMIT`] of a reader's text, which arrive within
//!    [`BODY_TIME`].
//!
//! The cookie is got once, with the ticket in the address that the terminal prints.
//! Browsers send a cookie to every port of a host, so its name carries the port. A page
//! of another local server is still stopped by its `Origin`, and that server itself, if
//! it is another user's, by [`super::peer`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::refusal::Refusal;
use super::solve::LARGE;

/// The largest body of a write, in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;
/// The same of one that brings a reader's text, with what can be undone in it.
pub const TEXT_LIMIT: usize = 1024 * 1024;
/// How long a write's body may take to arrive.
pub const BODY_TIME: Duration = Duration::from_secs(10);

/// What the server answers to, and the secrets that let a browser write.
pub struct Gate {
    hosts: [String; 2],
    /// Good for one visit: command lines show it to every user of the machine.
    ticket: Mutex<Option<String>>,
    session: String,
    cookie: String,
}

impl Gate {
    /// A gate for the server on this port of 127.0.0.1, with fresh secrets.
    pub fn new(port: u16) -> Result<Gate> {
        Ok(Gate {
            hosts: [format!("127.0.0.1:{port}"), format!("localhost:{port}")],
            ticket: Mutex::new(Some(secret()?)),
            session: secret()?,
            cookie: format!("book-{port}"),
        })
    }

    /// The address to open first: it trades its ticket for the cookie.
    pub fn entrance(&self) -> String {
        let ticket = self.ticket.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = ticket.as_deref().unwrap_or_default();
        format!("http://{}/?token={ticket}", self.hosts[0])
    }

    /// Rules 1 to 3, and those of rule 4 that the head of the request decides.
    fn check(&self, parts: &Parts) -> Result<(), Refusal> {
        let host = self.host(parts)?;
        let origin = origin(&parts.headers)?;
        if origin.is_some_and(|origin| origin.strip_prefix("http://") != Some(host)) {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "This request comes from another site's page.",
            ));
        }
        match parts.method {
            Method::GET | Method::HEAD if has_body(&parts.headers) => {
                Err(Refusal::new(StatusCode::BAD_REQUEST, "A read has no body."))
            }
            Method::GET | Method::HEAD => Ok(()),
            Method::POST => self.check_write(&parts.headers, origin),
            _ => Err(Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "Only GET, HEAD and POST are known here.",
            )),
        }
    }

    /// The one `Host`, if it is ours. A request line may name a host as well.
    fn host<'a>(&self, parts: &'a Parts) -> Result<&'a str, Refusal> {
        let refused = Refusal::new(
            StatusCode::FORBIDDEN,
            "This server answers only to 127.0.0.1 and localhost, with its port.",
        );
        let ours = |host: &str| self.hosts.iter().any(|ours| ours == host);
        let line = parts.uri.authority().is_none_or(|it| ours(it.as_str()));
        match single(&parts.headers, header::HOST) {
            Ok(Some(host)) if line && ours(host) => Ok(host),
            _ => Err(refused),
        }
    }

    fn check_write(&self, headers: &HeaderMap, origin: Option<&str>) -> Result<(), Refusal> {
        if origin.is_none() {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "A write must say its Origin, which browsers do.",
            ));
        }
        if !self.knows(headers) {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "Open the book at the address that the terminal shows, then try again.",
            ));
        }
        if !is_json(headers) {
            return Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "A write is JSON: Content-Type application/json.",
            ));
        }
        Ok(())
    }

    /// Whether the request carries this session's cookie.
    fn knows(&self, headers: &HeaderMap) -> bool {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .any(|(name, value)| name == self.cookie && same(value, &self.session))
    }

    /// Trades a good ticket for the cookie. A browser that has the cookie already
    /// is let in again.
    fn admit(&self, ticket: &str, headers: &HeaderMap) -> Response {
        let mut good = self.ticket.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = good.as_deref().is_some_and(|good| same(ticket, good));
        if !fresh && !self.knows(headers) {
            return Refusal::new(
                StatusCode::FORBIDDEN,
                "This address is used up or from an earlier run; start cargo book serve again for a new one.",
            )
            .into_response();
        }
        if fresh {
            *good = None;
        }
        let cookie = format!(
            "{}={}; HttpOnly; SameSite=Strict; Path=/",
            self.cookie, self.session
        );
        let home = [
            (header::LOCATION, "/".to_owned()),
            (header::SET_COOKIE, cookie),
        ];
        (StatusCode::SEE_OTHER, home).into_response()
    }
}

/// Lets a request through to the pages, or answers it with a refusal.
pub async fn guard(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if let Err(refusal) = gate.check(&parts) {
        return refusal.into_response();
    }
    if parts.method == Method::GET && parts.uri.path() == "/" {
        let token = parts.uri.query().and_then(|it| it.strip_prefix("token="));
        if let Some(ticket) = token {
            return gate.admit(ticket, &parts.headers);
        }
    }
    let large = LARGE.contains(&parts.uri.path());
    match whole(body, large).await {
        Ok(body) => next.run(Request::from_parts(parts, body)).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// The body, read to its end within its limits.
async fn whole(body: Body, large: bool) -> Result<Body, Refusal> {
    let (limit, sentence) = match large {
        true => (TEXT_LIMIT, "A write of a text is at most 1 MiB, whole."),
        false => (BODY_LIMIT, "A write is at most 64 KiB, whole."),
    };
    match tokio::time::timeout(BODY_TIME, to_bytes(body, limit)).await {
        Ok(Ok(bytes)) => Ok(Body::from(bytes)),
        Ok(Err(_)) => Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, sentence)),
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "The body took longer than 10 seconds.",
        )),
    }
}

/// Adds to an answer what every answer carries. A page brings its own policy.
pub async fn seal(mut response: Response) -> Response {
    const ALWAYS: [(HeaderName, &str); 5] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'",
        ));
    response
}

/// The value of a header that may come at most once.
fn single(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(|value| value.to_str());
    match (first, values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(value)), None) => Ok(Some(value)),
        _ => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "A header comes twice or is not text.",
        )),
    }
}

fn origin(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    single(headers, header::ORIGIN)
}

fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH);
    headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length| length != "0")
}

fn is_json(headers: &HeaderMap) -> bool {
    let Ok(Some(kind)) = single(headers, header::CONTENT_TYPE) else {
        return false;
    };
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// Compares two secrets in a time that says nothing of where they differ.
fn same(given: &str, secret: &str) -> bool {
    let pairs = given.bytes().zip(secret.bytes());
    given.len() == secret.len() && pairs.fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// 32 random bytes, in hexadecimal.
fn secret() -> Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).context("the system gives no random bytes")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
