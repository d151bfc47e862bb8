//! Kafka's protocol as far as `ApiVersions`, which a broker answers before anything else.
//!
//! A broker does not tell its release. It tells the newest `metadata.version` that it supports
//! (since version 3 of the request), and each release has its own.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{LONGEST, PATIENCE, connect, redacted};
use crate::{Error, Kind};

const KIND: Kind = Kind::Kafka;

const API_VERSIONS: i16 = 18;

/// The first version of the request whose answer has features (KIP-584).
const WITH_FEATURES: i16 = 3;

/// The error code of a request whose version the broker does not know.
const UNSUPPORTED_VERSION: i16 = 35;

/// The tag under which the answer lists the supported features.
const SUPPORTED_FEATURES: u32 = 0;

const CLIENT: &str = "messaging-book";

/// The last `metadata.version` of each release, as `kafka-storage.sh version-mapping` of Kafka
/// 4.4.0 tells it.
const RELEASES: [(i16, &str); 12] = [
    (7, "3.3"),
    (8, "3.4"),
    (11, "3.5"),
    (14, "3.6"),
    (19, "3.7"),
    (20, "3.8"),
    (21, "3.9"),
    (25, "4.0"),
    (27, "4.1"),
    (29, "4.2"),
    (30, "4.3"),
    (33, "4.4"),
];

/// The addresses of `HOST:PORT[,HOST:PORT]`.
fn parse(text: &str) -> Result<Vec<(String, u16)>, Error> {
    let bad = |reason: String| Error::BadUrl {
        kind: KIND,
        value: redacted(text),
        reason,
    };
    let one = |entry: &str| {
        let entry = match entry.split_once("://") {
            None => entry,
            Some((listener, rest)) if listener.eq_ignore_ascii_case("PLAINTEXT") => rest,
            Some((listener, _)) => {
                return Err(bad(format!(
                    "{listener}:// is no plain connection, and the listings make no other"
                )));
            }
        };
        if entry.contains('@') {
            return Err(bad(
                "an address of a Kafka holds no user and no password".into()
            ));
        }
        let (host, port) = entry
            .rsplit_once(':')
            .ok_or_else(|| bad(format!("{entry:?} names no port")))?;
        let port = port
            .parse()
            .map_err(|_| bad(format!("{port:?} is no port")))?;
        let inner = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = inner.unwrap_or(host);
        let odd = |letter: char| letter.is_whitespace() || "/[]".contains(letter);
        if host.is_empty() || host.contains(odd) || (inner.is_none() && host.contains(':')) {
            return Err(bad(format!("{host:?} is no host")));
        }
        Ok((host.to_owned(), port))
    };
    text.split(',').map(|entry| one(entry.trim())).collect()
}

/// The release of the first broker that answers, `4.4` for example, or `unknown`.
pub(crate) async fn greet(bootstrap: &str) -> Result<String, Error> {
    let mut last = "it is empty".to_owned();
    for (host, port) in parse(bootstrap)? {
        match timeout(PATIENCE, ask(&host, port)).await {
            Ok(Ok(level)) => return Ok(release(level).to_owned()),
            Ok(Err(error)) => last = error.to_string(),
            Err(_) => last = format!("it did not answer within {} s", PATIENCE.as_secs()),
        }
    }
    Err(Error::unreachable(KIND, bootstrap, last))
}

/// The release that a level of `metadata.version` belongs to.
fn release(level: Option<i16>) -> &'static str {
    let level = level.unwrap_or(i16::MAX);
    RELEASES
        .iter()
        .find(|(last, _)| level <= *last)
        .map_or("unknown", |(_, release)| release)
}

/// The newest `metadata.version` that the broker supports, where it tells.
async fn ask(host: &str, port: u16) -> io::Result<Option<i16>> {
    let mut stream = connect(host, port).await?;
    let answer = exchange(&mut stream, WITH_FEATURES).await?;
    let mut answer = Reader(&answer);
    if answer.int16()? == UNSUPPORTED_VERSION {
        // A broker before 2.4, or something that speaks the protocol in part: it is there.
        let answer = exchange(&mut stream, 0).await?;
        return match Reader(&answer).int16()? {
            0 => Ok(None),
            code => Err(io::Error::other(format!("it answers with error {code}"))),
        };
    }
    supported(answer)
}

/// Sends an `ApiVersions` request and gives the answer behind its header.
async fn exchange(stream: &mut TcpStream, version: i16) -> io::Result<Vec<u8>> {
    let correlation = i32::from(version);
    let mut request = Vec::new();
    request.extend(API_VERSIONS.to_be_bytes());
    request.extend(version.to_be_bytes());
    request.extend(correlation.to_be_bytes());
    request.extend((CLIENT.len() as i16).to_be_bytes());
    request.extend(CLIENT.as_bytes());
    if version >= WITH_FEATURES {
        request.push(0); // no tagged fields in the header
        for text in [CLIENT, env!("CARGO_PKG_VERSION")] {
            request.push(text.len() as u8 + 1); // a compact string: its length and one
            request.extend(text.as_bytes());
        }
        request.push(0); // no tagged fields
    }
    stream
        .write_all(&(request.len() as i32).to_be_bytes())
        .await?;
    stream.write_all(&request).await?;

    let length = stream.read_i32().await?;
    let length = usize::try_from(length)
        .ok()
        .filter(|length| (6..=LONGEST).contains(length));
    let mut answer = vec![0; length.ok_or_else(no_kafka)?];
    stream.read_exact(&mut answer).await?;
    let mut reader = Reader(&answer);
    if reader.int32()? != correlation {
        return Err(no_kafka());
    }
    Ok(reader.0.to_vec())
}

fn no_kafka() -> io::Error {
    io::Error::other("it does not answer as a Kafka does")
}

/// The newest `metadata.version` in the rest of an answer with features.
fn supported(mut answer: Reader<'_>) -> io::Result<Option<i16>> {
    for _ in 1..answer.varint()? {
        answer.take(3 * size_of::<i16>())?; // an API: its key, oldest and newest version
        answer.skip_tags()?;
    }
    answer.int32()?; // throttle time
    for _ in 0..answer.varint()? {
        let (tag, length) = (answer.varint()?, answer.varint()?);
        let mut field = Reader(answer.take(length as usize)?);
        if tag != SUPPORTED_FEATURES {
            continue;
        }
        for _ in 1..field.varint()? {
            let length = field.varint()?.saturating_sub(1);
            let name = field.take(length as usize)?;
            let (_oldest, newest) = (field.int16()?, field.int16()?);
            field.skip_tags()?;
            if name == b"metadata.version" {
                return Ok(Some(newest));
            }
        }
    }
    Ok(None)
}

/// Reads Kafka's types from bytes that may end anywhere.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> io::Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(no_kafka)?;
        self.0 = rest;
        Ok(taken)
    }

    fn int16(&mut self) -> io::Result<i16> {
        let bytes = self.take(2)?;
        Ok(i16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn int32(&mut self) -> io::Result<i32> {
        let bytes = self.take(4)?;
        Ok(i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    fn varint(&mut self) -> io::Result<u32> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.take(1)?[0];
            value |= u32::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(no_kafka())
    }

    fn skip_tags(&mut self) -> io::Result<()> {
        for _ in 0..self.varint()? {
            self.varint()?; // the tag
            let length = self.varint()?;
            self.take(length as usize)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::test_server::{answering, silent};
    use super::*;

    fn framed(correlation: i32, body: &[u8]) -> Vec<u8> {
        let mut frame = ((body.len() + 4) as i32).to_be_bytes().to_vec();
        frame.extend(correlation.to_be_bytes());
        frame.extend(body);
        frame
    }

    /// An answer that lists one API and the features given.
    fn features(features: &[(&str, i16)]) -> Vec<u8> {
        let mut list = vec![features.len() as u8 + 1];
        for (name, newest) in features {
            list.push(name.len() as u8 + 1);
            list.extend(name.as_bytes());
            list.extend([0, 1]);
            list.extend(newest.to_be_bytes());
            list.push(0);
        }
        let mut body = vec![0, 0, 2, 0, 18, 0, 0, 0, 4, 0, 0, 0, 0, 0, 2];
        body.extend([1, 8, 0, 0, 0, 0, 0, 0, 0, 9]); // a field that is passed over
        body.extend([0, list.len() as u8]);
        body.extend(list);
        framed(3, &body)
    }

    #[test]
    fn addresses_are_hosts_with_ports() {
        let found = parse("127.0.0.1:9092, PLAINTEXT://kafka.example:9093,[::1]:9094").unwrap();
        let expected = [("127.0.0.1", 9092), ("kafka.example", 9093), ("::1", 9094)];
        assert_eq!(found, expected.map(|(host, port)| (host.to_owned(), port)));
        for (text, reason) in [
            ("", "names no port"),
            ("localhost", "names no port"),
            ("localhost:", "is no port"),
            (":9092", "is no host"),
            ("a:99999", "is no port"),
            ("a:1,,b:2", "names no port"),
            ("a b:1", "is no host"),
            ("::1:9092", "is no host"),
            ("SASL_SSL://a:1", "no plain connection"),
            ("kafka://a:1/topic", "no plain connection"),
            ("u:hunter2@a:1", "no password"),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(
                message.contains("KAFKA_BOOTSTRAP_SERVERS is not an address"),
                "{message}"
            );
            assert!(message.contains(reason), "{text}: {message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn each_release_is_known_by_its_metadata_version() {
        assert_eq!(release(Some(33)), "4.4");
        assert_eq!(release(Some(28)), "4.2");
        assert_eq!(release(Some(1)), "3.3");
        assert_eq!(release(Some(34)), "unknown");
        assert_eq!(release(None), "unknown");
    }

    #[tokio::test]
    async fn a_broker_is_known_by_what_it_supports() {
        let (address, heard) =
            answering(features(&[("group.version", 1), ("metadata.version", 29)]));
        assert_eq!(greet(&address.to_string()).await.unwrap(), "4.2");
        let heard = heard.join().unwrap();
        assert_eq!(heard[4..12], [0, 18, 0, 3, 0, 0, 0, 3]);
        assert_eq!(
            i32::from_be_bytes(heard[..4].try_into().unwrap()) as usize,
            heard.len() - 4
        );
    }

    #[tokio::test]
    async fn a_broker_without_features_is_there_all_the_same() {
        let (address, _) = answering(features(&[]));
        assert_eq!(greet(&address.to_string()).await.unwrap(), "unknown");
        let mut old = framed(3, &[0, 35, 0, 0, 0, 0]);
        old.extend(framed(0, &[0, 0, 0, 0, 0, 0]));
        let (address, _) = answering(old);
        assert_eq!(greet(&address.to_string()).await.unwrap(), "unknown");
    }

    #[tokio::test]
    async fn whatever_else_answers_is_no_kafka() {
        let whole = features(&[("metadata.version", 33)]);
        let mut answers: Vec<Vec<u8>> = vec![
            Vec::new(),
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            framed(4, &[0, 0, 1, 0, 0, 0, 0, 0]),
            vec![0xFF; 64],
            vec![0x7F, 0xFF, 0xFF, 0xFF],
            framed(3, &[0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
            framed(3, &[0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]),
            framed(
                3,
                &[0, 0, 1, 0, 0, 0, 0, 1, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F],
            ),
        ];
        // Each beginning of a good answer, as an answer that says it is whole.
        answers.extend((8..whole.len() - 1).map(|end| framed(3, &whole[8..end])));
        for answer in answers {
            let (address, _) = answering(answer.clone());
            let error = greet(&address.to_string()).await.unwrap_err();
            assert!(
                matches!(error, Error::Unreachable { .. }),
                "{answer:?}: {error}"
            );
        }
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_is_given_up() {
        let (address, _kept) = silent();
        let error = greet(&address.to_string()).await.unwrap_err();
        assert!(
            error.to_string().contains("did not answer within 5 s"),
            "{error}"
        );
    }
}
