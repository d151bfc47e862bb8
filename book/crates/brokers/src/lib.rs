//! Finds or starts a real NATS, RabbitMQ or Kafka.
//!
//! One line in a listing gives a broker: `let rabbit = brokers::rabbitmq().await?;`, then
//! `rabbit.url()`. Where it comes from, the first that fits:
//!
//! 1. external: `NATS_URL`, `AMQP_URL` or `KAFKA_BOOTSTRAP_SERVERS` names one;
//! 2. warm: `cargo book up` or `cargo book serve --warm` keeps one running;
//! 3. native: a server on PATH, one in the cache, or one provisioned now with the machine's own
//!    package clients;
//! 4. container: the official image, through the docker command line. `BOOK_IMAGE_NATS`,
//!    `BOOK_IMAGE_RABBITMQ` and `BOOK_IMAGE_KAFKA` name other images, from a mirror for example.
//!
//! `BROKERS=external|native|container` forces one of them. A broker started here ends with the
//! program that started it, however that program ends: see [`Guard`]. Where `BOOK_TAP` is set, what the
//! program says to its broker can be seen: see [`tap`].

mod broker;
pub mod cache;
mod clients;
mod container;
mod error;
mod external;
mod group;
mod guard;
mod handshake;
mod kind;
pub mod leftovers;
mod native;
mod pins;
mod ports;
mod process;
mod progress;
mod record;
mod release;
mod room;
mod scratch;
mod signals;
mod source;
pub mod tap;
pub mod warm;
mod worker;

pub use broker::Broker;
pub use error::{Error, Tried};
pub use group::Group;
pub use guard::{Guard, gated};
pub use kind::Kind;
pub use native::{installed, nats_program, refresh};
pub use room::is_full;
pub use scratch::Scratch;
pub use signals::{interrupted, outlives_its_terminal, parent_gone};
pub use source::{Options, Source, start};
pub use worker::Worker;

/// A NATS server for this run alone.
///
/// # Errors
/// When no source gives one: the error lists what was tried and what would help.
pub async fn nats() -> Result<Broker, Error> {
    start(Kind::Nats, Options::default()).await
}

/// A RabbitMQ with a virtual host for this run alone.
///
/// # Errors
/// When no source gives one: the error lists what was tried and what would help.
pub async fn rabbitmq() -> Result<Broker, Error> {
    start(Kind::RabbitMq, Options::default()).await
}

/// A Kafka on which this run's topics and groups carry names of their own.
///
/// # Errors
/// When no source gives one: the error lists what was tried and what would help.
pub async fn kafka() -> Result<Broker, Error> {
    start(Kind::Kafka, Options::default()).await
}

/// A broker that runs already at `url`, as the environment variable of `kind` would name it.
///
/// # Errors
/// When it cannot be reached, does not let us in, or is too old.
pub async fn external(kind: Kind, url: &str) -> Result<Broker, Error> {
    let broker = external::connect(kind, url).await?;
    broker.require(kind.floor())?;
    Ok(broker)
}
