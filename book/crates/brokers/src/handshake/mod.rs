//! The first words of each protocol, written out: enough to tell whether a broker is there, lets
//! us in, and how old it is. A chapter crate must not compile three clients to ask that.

pub(crate) mod amqp;
pub(crate) mod kafka;
pub(crate) mod nats;
#[cfg(test)]
mod test_server;

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use url::Url;

/// How long a broker may take to answer a greeting.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// The longest answer that is read: far above what a broker says at this point.
pub(crate) const LONGEST: usize = 1 << 20;

/// A connection on which each word goes out at once. Else the second of two would wait until the
/// first is acknowledged, and Linux acknowledges after 40 ms where it has nothing to answer.
async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The address with its password replaced.
pub(crate) fn redacted(text: &str) -> String {
    match Url::parse(text) {
        Ok(mut url) if url.password().is_some() => {
            let _ = url.set_password(Some("***"));
            url.to_string()
        }
        Ok(url) if url.has_host() => url.to_string(),
        // What cannot be read, or was read as something else (`u:secret@host`), may hold a password
        // anywhere before the `@`.
        _ => match text.rsplit_once('@') {
            Some((_, behind)) => format!("***@{behind}"),
            None => text.to_owned(),
        },
    }
}

/// The text that is percent-encoded, where it is UTF-8.
pub(crate) fn percent_decode(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            let hex = text.get(at + 1..at + 3)?;
            decoded.push(u8::from_str_radix(hex, 16).ok()?);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(decoded).ok()
}
