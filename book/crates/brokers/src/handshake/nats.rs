//! NATS's client protocol as far as the first `PONG`.
//!
//! The server speaks first (`INFO {json}`); a client that has sent `CONNECT` and `PING` is let in
//! when `PONG` comes back.

use std::io;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::time::timeout;
use url::Url;

use super::{LONGEST, PATIENCE, connect, percent_decode, redacted};
use crate::{Error, Kind};

const KIND: Kind = Kind::Nats;

/// The port where an address names none.
const PORT: u16 = 4222;

/// What one `nats://` address says.
#[derive(Debug)]
struct Address {
    host: String,
    port: u16,
    login: Login,
    /// As it was given.
    url: String,
    /// The address without its secrets, for messages.
    shown: String,
}

/// How a client may prove who it is.
#[derive(Debug, PartialEq)]
enum Login {
    None,
    Token(String),
    Password { user: String, password: String },
}

impl Address {
    fn parse(text: &str) -> Result<Address, Error> {
        let bad = |reason: String| Error::BadUrl {
            kind: KIND,
            value: hidden(text),
            reason,
        };
        // The client takes a bare HOST:PORT as well.
        let url = if text.contains("://") {
            text.to_owned()
        } else {
            format!("nats://{text}")
        };
        let parsed = Url::parse(&url).map_err(|error| bad(error.to_string()))?;
        match parsed.scheme() {
            "nats" => {}
            "tls" | "wss" | "ws" => {
                return Err(bad(
                    "the listings speak plain NATS: use nats://, on loopback or in a private network".into(),
                ));
            }
            other => return Err(bad(format!("its scheme is {other}://, not nats://"))),
        }
        let host = parsed.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| bad("it names no host".into()))?;
        if !matches!(parsed.path(), "" | "/") || parsed.query().is_some() {
            return Err(bad(format!(
                "a NATS address ends with its port, and this one goes on with {}",
                parsed.path()
            )));
        }
        let decode = |part: &str| {
            percent_decode(part)
                .ok_or_else(|| bad("its user or password is not percent-encoded UTF-8".into()))
        };
        let login = match (parsed.username(), parsed.password()) {
            ("", None) => Login::None,
            (token, None) => Login::Token(decode(token)?),
            (user, Some(password)) => Login::Password {
                user: decode(user)?,
                password: decode(password)?,
            },
        };
        Ok(Address {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: parsed.port().unwrap_or(PORT),
            login,
            shown: hidden(&url),
            url,
        })
    }

    fn unreachable(&self, reason: impl ToString) -> Error {
        Error::unreachable(KIND, &self.shown, reason)
    }

    fn refused(&self, reason: impl ToString) -> Error {
        Error::refused(KIND, &self.shown, reason)
    }

    fn connect(&self) -> String {
        let mut options = serde_json::json!({
            "verbose": false, "pedantic": false, "lang": "rust", "version": env!("CARGO_PKG_VERSION"), "protocol": 1,
        });
        match &self.login {
            Login::None => {}
            Login::Token(token) => options["auth_token"] = token.as_str().into(),
            Login::Password { user, password } => {
                options["user"] = user.as_str().into();
                options["pass"] = password.as_str().into();
            }
        }
        format!("CONNECT {options}\r\nPING\r\n")
    }
}

/// The address without its password, and without the token that may stand in its place.
fn hidden(text: &str) -> String {
    match Url::parse(text) {
        Ok(mut url) if url.password().is_none() && !url.username().is_empty() => {
            let _ = url.set_username("***");
            url.to_string()
        }
        _ => redacted(text),
    }
}

/// The address, of one or several with commas between them, whose server is the first to let us
/// in, and that server's version.
///
/// # Errors
/// What the last one said, where none did.
pub(crate) async fn first(text: &str) -> Result<(String, String), Error> {
    let addresses: Vec<Address> = text
        .split(',')
        .map(str::trim)
        .map(Address::parse)
        .collect::<Result<_, _>>()?;
    let mut last = None;
    for address in addresses {
        match timeout(PATIENCE, log_in(&address)).await {
            Ok(Ok(version)) => return Ok((address.url, version)),
            Ok(Err(error)) => last = Some(error),
            Err(_) => {
                let reason = format!("it did not greet within {} s", PATIENCE.as_secs());
                last = Some(address.unreachable(reason));
            }
        }
    }
    Err(last.unwrap_or_else(|| Error::BadUrl {
        kind: KIND,
        value: String::new(),
        reason: "it is empty".into(),
    }))
}

/// The version of the server.
pub(crate) async fn greet(text: &str) -> Result<String, Error> {
    first(text).await.map(|(_, version)| version)
}

/// What of `INFO` matters here.
#[derive(Deserialize)]
struct Info {
    version: String,
    #[serde(default)]
    tls_required: bool,
    #[serde(default)]
    auth_required: bool,
}

async fn log_in(address: &Address) -> Result<String, Error> {
    let lost = |error: io::Error| address.unreachable(error);
    let stream = connect(&address.host, address.port).await;
    let stream = stream.map_err(lost)?;
    let (read, mut write) = stream.into_split();
    // All that is read together has an end, whatever is at the other side.
    let mut lines = BufReader::new(read.take(LONGEST as u64));
    let info = line(&mut lines).await.map_err(lost)?;
    let info: Info = info
        .strip_prefix("INFO ")
        .and_then(|json| serde_json::from_str(json).ok())
        .ok_or_else(|| address.unreachable("it does not greet as a NATS server does"))?;
    if info.tls_required {
        return Err(address.refused("it asks for TLS, and the listings speak plain NATS"));
    }
    write
        .write_all(address.connect().as_bytes())
        .await
        .map_err(lost)?;
    loop {
        let said = line(&mut lines).await.map_err(lost)?;
        match said.split_once(' ').unwrap_or((&said, "")) {
            // It lets us in, and would not let a listing in.
            ("PONG", _) if info.auth_required && address.login != Login::None => {
                return Err(address.refused(
                    "it asks for a login, and the listings' client, async-nats, takes none out of an address: \
                     use a server without a login, on loopback",
                ));
            }
            ("PONG", _) => return Ok(info.version),
            ("-ERR", reason) => return Err(address.refused(reason.trim_matches('\''))),
            ("INFO" | "PING" | "+OK", _) => {}
            _ => return Err(address.unreachable("it answers what a NATS server does not")),
        }
    }
}

/// The next line without its end.
async fn line(lines: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<String> {
    let mut bytes = Vec::new();
    lines.read_until(b'\n', &mut bytes).await?;
    if bytes.pop() != Some(b'\n') {
        return Err(io::Error::other(
            "it hung up in the middle of a line, or said too much",
        ));
    }
    let text = String::from_utf8(bytes).map_err(|_| io::Error::other("it does not speak NATS"))?;
    Ok(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::test_server::{answering, silent};
    use super::*;

    const INFO: &str =
        "INFO {\"server_id\":\"x\",\"version\":\"2.15.1\",\"max_payload\":1048576} \r\n";

    #[test]
    fn an_address_has_natss_defaults() {
        let address = Address::parse("nats://localhost").unwrap();
        assert_eq!((address.host.as_str(), address.port), ("localhost", 4222));
        assert_eq!(address.login, Login::None);
        let address = Address::parse("[::1]:4333").unwrap();
        assert_eq!((address.host.as_str(), address.port), ("::1", 4333));
        assert_eq!(
            Address::parse("nats://t%40k@h").unwrap().login,
            Login::Token("t@k".into())
        );
        let login = Login::Password {
            user: "shop".into(),
            password: "s@crt".into(),
        };
        assert_eq!(
            Address::parse("nats://shop:s%40crt@h:1").unwrap().login,
            login
        );
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_secrets() {
        for (url, reason) in [
            ("tls://u:hunter2@h", "plain NATS"),
            ("http://u:hunter2@h", "http://"),
            ("nats://hunter2@h/stream", "goes on with /stream"),
            ("nats://u:hunter2@h:port", "port"),
            ("nats://", "host"),
            ("", "host"),
        ] {
            let message = Address::parse(url).unwrap_err().to_string();
            assert!(message.contains("NATS_URL is not an address"), "{message}");
            assert!(message.contains(reason), "{url}: {message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[tokio::test]
    async fn a_server_that_lets_us_in_tells_its_version() {
        let (address, heard) = answering(format!("{INFO}PING\r\nPONG\r\n"));
        assert_eq!(
            greet(&format!("nats://u:p@{address}")).await.unwrap(),
            "2.15.1"
        );
        let heard = String::from_utf8(heard.join().unwrap()).unwrap();
        assert!(
            heard.starts_with("CONNECT {") && heard.ends_with("}\r\nPING\r\n"),
            "{heard}"
        );
        assert!(
            heard.contains("\"user\":\"u\"") && heard.contains("\"pass\":\"p\""),
            "{heard}"
        );
    }

    #[tokio::test]
    async fn of_several_servers_the_first_that_answers_is_taken() {
        let (address, _) = answering(format!("{INFO}PONG\r\n"));
        let (url, _) = first(&format!("nats://127.0.0.1:1, nats://{address}"))
            .await
            .unwrap();
        assert_eq!(url, format!("nats://{address}"));
    }

    #[tokio::test]
    async fn a_wrong_password_is_told_in_the_servers_words() {
        let (address, _) = answering(format!("{INFO}-ERR 'Authorization Violation'\r\n"));
        let error = greet(&format!("nats://u:hunter2@{address}"))
            .await
            .unwrap_err();
        assert!(
            matches!(&error, Error::Refused { reason, .. } if reason == "Authorization Violation"),
            "{error}"
        );
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[tokio::test]
    async fn a_login_that_the_client_would_not_send_is_told() {
        let info = "INFO {\"version\":\"2.15.1\",\"auth_required\":true}\r\n";
        let (address, _) = answering(format!("{info}PONG\r\n"));
        let error = greet(&format!("nats://u:hunter2@{address}"))
            .await
            .unwrap_err();
        assert!(
            matches!(&error, Error::Refused { reason, .. } if reason.contains("takes none out of an address")),
            "{error}"
        );
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[tokio::test]
    async fn a_server_that_wants_tls_is_told_from_one_that_is_away() {
        let (address, _) =
            answering("INFO {\"version\":\"2.15.1\",\"tls_required\":true}\r\n".to_owned());
        let error = greet(&format!("nats://{address}")).await.unwrap_err();
        assert!(
            matches!(&error, Error::Refused { reason, .. } if reason.contains("TLS")),
            "{error}"
        );
    }

    #[tokio::test]
    async fn whatever_else_answers_is_no_nats_server() {
        let endless = "x".repeat(LONGEST + 10);
        for answer in [
            "",
            "\r\n",
            "INFO {\"version\"",
            "INFO not json\r\n",
            "HTTP/1.1 400 Bad Request\r\n\r\n",
            "INFO {}\r\n",
            "\u{fffd}\r\n",
            &format!("{INFO}HUH\r\n"),
            INFO,
            &endless,
        ] {
            let (address, _) = answering(answer.to_owned());
            let error = greet(&format!("nats://{address}")).await.unwrap_err();
            assert!(matches!(error, Error::Unreachable { .. }), "{error}");
        }
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_is_given_up() {
        let (address, _kept) = silent();
        let error = greet(&format!("nats://{address}")).await.unwrap_err();
        assert!(
            error.to_string().contains("did not greet within 5 s"),
            "{error}"
        );
    }
}
