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

    /// As `bootstrap.servers` lists them.
    pub(crate) fn listed(all: &[Address]) -> String {
        let all: Vec<String> = all.iter().map(Address::to_string).collect();
        all.join(",")
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

/// A URL such as `amqp://user:password@host:5672/vhost`, in three parts.
pub(crate) struct Url {
    /// `amqp://user:password@`
    before: String,
    pub(crate) address: Address,
    /// `/vhost`
    after: String,
}

impl Url {
    /// Reads a URL with this scheme; where it names no port, it means this one.
    pub(crate) fn read(text: &str, scheme: &'static str, port: u16) -> Result<Url, Error> {
        let unread = || Error::Url {
            url: without_password(text),
            scheme,
        };
        let (said, rest) = text.split_once("://").ok_or_else(unread)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, after) = rest.split_at(end);
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (format!("{user}@"), place),
            None => (String::new(), authority),
        };
        let inside = place.rfind(']').unwrap_or_default();
        let place = match place[inside..].contains(':') {
            true => place.to_owned(),
            false => format!("{place}:{port}"),
        };
        let mut all = Address::list(&place).map_err(|_| unread())?;
        match (said == scheme, all.pop(), all.is_empty()) {
            (true, Some(address), true) => Ok(Url {
                before: format!("{scheme}://{user}"),
                address,
                after: after.to_owned(),
            }),
            _ => Err(unread()),
        }
    }

    /// The same with the proxy's port in it.
    pub(crate) fn at(&self, port: u16) -> String {
        format!("{}127.0.0.1:{port}{}", self.before, self.after)
    }
}

/// What may be said of an address in an error.
fn without_password(text: &str) -> String {
    let Some((head, place)) = text.rsplit_once('@') else {
        return text.to_owned();
    };
    let scheme = head.find("://").map_or(0, |end| end + 3);
    format!("{}{place}", &head[..scheme])
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
    fn a_url_keeps_all_but_its_host_and_port() {
        let at = |text, scheme| Url::read(text, scheme, 4222).map(|url| url.at(1));
        for (text, scheme, proxy) in [
            ("nats://broker", "nats", "nats://127.0.0.1:1"),
            ("nats://[::1]", "nats", "nats://127.0.0.1:1"),
            ("nats://t0ken@broker:5", "nats", "nats://t0ken@127.0.0.1:1"),
            (
                "amqp://guest:p%40ss@broker:5672/%2f?heartbeat=9",
                "amqp",
                "amqp://guest:p%40ss@127.0.0.1:1/%2f?heartbeat=9",
            ),
        ] {
            assert_eq!(at(text, scheme).unwrap(), proxy);
        }
        let one = Url::read("nats://broker", "nats", 4222).unwrap();
        assert_eq!(one.address.to_string(), "broker:4222");
    }

    #[test]
    fn what_is_no_url_is_refused_without_its_password() {
        for text in [
            "",
            "broker:4222",
            "tls://me:secret@broker",
            "nats://me:secret@broker:x",
            "nats://me:secret@",
        ] {
            let refused = Url::read(text, "nats", 4222).err().unwrap().to_string();
            assert!(refused.contains("write nats://HOST:PORT"), "{refused}");
            assert!(!refused.contains("secret"), "{refused}");
        }
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
