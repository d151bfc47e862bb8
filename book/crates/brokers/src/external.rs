//! A broker of the reader's own: reached, let in, and asked for its version before it is used.

use crate::handshake::{amqp, kafka, nats};
use crate::{Broker, Error, Kind};

/// The address that the reader set.
pub(crate) fn url(kind: Kind) -> Option<String> {
    let value = std::env::var_os(kind.variable())?;
    Some(value.to_string_lossy().into_owned()).filter(|value| !value.is_empty())
}

/// Asks the broker at `url` who it is.
pub(crate) async fn connect(kind: Kind, url: &str) -> Result<Broker, Error> {
    let (url, version) = match kind {
        // The client takes one address, and a reader may name several servers.
        Kind::Nats => nats::first(url).await?,
        Kind::RabbitMq | Kind::Kafka => (url.to_owned(), greet(kind, url).await?),
    };
    Ok(Broker::external(kind, url, version))
}

/// The version of the broker at `url`, once it has let us in.
pub(crate) async fn greet(kind: Kind, url: &str) -> Result<String, Error> {
    match kind {
        Kind::Nats => nats::greet(url).await,
        Kind::RabbitMq => amqp::greet(&amqp::Address::parse(url)?).await,
        Kind::Kafka => kafka::greet(url).await,
    }
}
