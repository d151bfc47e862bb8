//! Where brokers are.

use std::fmt;
use std::io;

use tokio::net::TcpStream;

use crate::Error;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Address {
    /// The addresses of a list such as `bootstrap.servers`.
    pub(crate) fn list(text: &str) -> Result<Vec<Address>, Error> {
        let parse = |one: &str| {
            let one = one.trim();
            let one = one.strip_prefix("PLAINTEXT://").unwrap_or(one);
            let (host, port) = one.rsplit_once(':')?;
            let inner = host
                .strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'));
            let host = inner.unwrap_or(host).to_owned();
            let port = port.parse().ok().filter(|_| !host.is_empty())?;
            Some(Address { host, port })
        };
        let all: Option<Vec<Address>> = text.split(',').map(parse).collect();
        all.ok_or_else(|| Error::Address(text.to_owned()))
    }

    /// A connection to the first of them that takes one.
    pub(crate) async fn connect(all: &[Address]) -> io::Result<TcpStream> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for Address { host, port } in all {
            match TcpStream::connect((host.as_str(), *port)).await {
                Ok(connection) => return connection.set_nodelay(true).map(|()| connection),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_list_is_read() {
        let list = Address::list("PLAINTEXT://kafka-1:9092, [::1]:19092").unwrap();
        let list: Vec<String> = list.iter().map(Address::to_string).collect();
        assert_eq!(list, ["kafka-1:9092", "[::1]:19092"]);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in [
            "",
            "kafka-1",
            ":9092",
            "kafka-1:x",
            "kafka-1:9092,",
            "kafka-1:70000",
        ] {
            let refused = Address::list(text).unwrap_err().to_string();
            assert!(refused.contains("write HOST:PORT"), "{refused}");
        }
    }
}
