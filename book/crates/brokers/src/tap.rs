//! A tap: whoever has started this program may stand between it and its broker, to see what they say
//! to each other.
//!
//! `BOOK_TAP=127.0.0.1:PORT/WORD` names where it is asked for. The question is one line,
//! `WORD KIND URL`, and so is the answer: `ok URL`, or `no` and why.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::{Error, Kind};

/// The environment variable that names a tap.
pub const VARIABLE: &str = "BOOK_TAP";
/// How long an answer may take. The one that is asked is on this machine, and connects to the broker
/// first.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long an answer may be.
const LONGEST: u64 = 4096;

/// The address in front of the broker at `url`, where a tap is named.
pub(crate) async fn before(kind: Kind, url: &str) -> Result<Option<String>, Error> {
    let Some(value) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let value = value.to_string_lossy();
    let (address, word) = parse(&value)?;
    let untapped = |why: String| Error::Untapped { kind, address, why };
    let asked = timeout(
        PATIENCE,
        ask(address, &format!("{word} {} {url}\n", kind.name())),
    )
    .await;
    let answer = match asked {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(untapped(error.to_string())),
        Err(_) => return Err(untapped(format!("no answer in {} s", PATIENCE.as_secs()))),
    };
    match answer.trim_end().split_once(' ') {
        Some(("ok", url)) => Ok(Some(url.to_owned())),
        Some(("no", why)) => Err(untapped(why.to_owned())),
        _ => Err(untapped("what answers there is no tap".to_owned())),
    }
}

/// Where to ask, and the word that lets in. Only what runs on this machine is asked: the broker's
/// password is in the question.
fn parse(value: &str) -> Result<(SocketAddr, &str), Error> {
    let read = || {
        let (address, word) = value.split_once('/')?;
        let address: SocketAddr = address.parse().ok()?;
        let one_word = !word.is_empty() && !word.contains(char::is_whitespace);
        (one_word && address.ip().is_loopback()).then_some((address, word))
    };
    // The value holds a secret.
    read().ok_or_else(|| Error::BadSetting {
        variable: VARIABLE,
        value: "...".to_owned(),
        fix: "whoever sets it writes 127.0.0.1:PORT/WORD; unset it to run without a tap".to_owned(),
    })
}

async fn ask(address: SocketAddr, question: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(question.as_bytes()).await?;
    let mut answer = String::new();
    let mut from = BufReader::new(stream.take(LONGEST));
    from.read_line(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_tap_is_on_this_machine_and_has_a_word() {
        let (address, word) = parse("127.0.0.1:7/open-sesame").unwrap();
        assert_eq!((address.port(), word), (7, "open-sesame"));
        for wrong in [
            "127.0.0.1:7",
            "127.0.0.1:7/",
            "127.0.0.1:7/two words",
            "192.0.2.1:7/secret",
            "localhost:7/secret",
            "127.0.0.1/secret",
        ] {
            let error = parse(wrong).unwrap_err().to_string();
            assert!(error.starts_with("BOOK_TAP=... is not"), "{error}");
        }
    }
}
