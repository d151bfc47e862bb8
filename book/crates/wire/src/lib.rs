//! A proxy on the loopback interface between a client and its broker. It reads the frames that pass,
//! and loses the one that you name.
//!
//! It speaks Kafka's protocol. A Kafka client asks the brokers that it is given for the addresses of
//! all of them, and connects to those: the proxy puts its own address in the place of each, so that
//! no client goes around it.
//!
//! ```no_run
//! # async fn example(servers: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use wire::{ApiKey, Loss, Proxy};
//!
//! let wire = Proxy::kafka(servers).await?;
//! wire.lose(ApiKey::Produce, 2, Loss::Connection);
//! // A producer with `bootstrap.servers` set to `wire.url()` stores two batches. The connection ends
//! // when the answer to the second one is on its way back.
//! wire.struck(1).await?;
//! wire.stop().await?;
//! # Ok(())
//! # }
//! ```

mod address;
mod frame;
mod kafka;
mod proxy;
mod relay;
mod shared;

use std::io;

pub use kafka_protocol::messages::ApiKey;
pub use proxy::Proxy;

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The request does not reach the broker. The connection goes on.
    Request,
    /// The broker gets the request, and its answer does not reach the client. The connection goes on.
    Answer,
    /// The broker gets the request, and the connection ends where its answer would follow.
    Connection,
}

/// Why the proxy does not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no list of addresses.
    #[error("`{0}` is no list of brokers: write HOST:PORT, several with commas between them")]
    Address(String),
    /// No broker is there.
    #[error("no broker answers at {servers}: {source}")]
    Unreachable {
        /// Where the proxy has looked for one.
        servers: String,
        /// What the last of them said.
        source: io::Error,
    },
    /// This machine has no port for the proxy.
    #[error("the proxy has found no port to listen on: {0}")]
    Listen(io::Error),
    /// A frame that is larger than a broker or a client takes.
    #[error("a frame says that it has {0} bytes; the proxy takes 100 MiB at most")]
    Size(i32),
    /// An answer that holds addresses, and the proxy cannot read it. If it passed that on, the client
    /// would go around the proxy.
    #[error("the proxy cannot read the broker's answer to {api:?}, version {version}: {why}")]
    Answer {
        /// What was asked for.
        api: ApiKey,
        /// In which version of the protocol.
        version: i16,
        /// What is wrong with it.
        why: String,
    },
}
