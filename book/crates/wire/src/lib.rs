//! A proxy on the loopback interface between clients and their broker. It reads the frames that pass,
//! keeps a record of them, and does to the one that you name what a bad network would.
//!
//! It speaks NATS, AMQP 0-9-1 and Kafka's protocol. A NATS or Kafka client asks the brokers that it
//! is given for the addresses of all of them, and connects to those: the proxy puts its own address in
//! the place of each, so that no client goes around it.
//!
//! ```no_run
//! # async fn example(servers: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use wire::{Act, Proxy, kafka};
//!
//! let wire = Proxy::kafka(servers).await?;
//! wire.on(kafka::PRODUCED, 2, Act::Cut);
//! // A producer with `bootstrap.servers` set to `wire.url()` stores two batches. The connection ends
//! // when the answer to the second one is on its way back.
//! wire.struck(1).await?;
//! println!("{}", wire.strikes()[0].frame);
//! wire.stop().await?;
//! # Ok(())
//! # }
//! ```
//!
//! A frame is passed on once the proxy has all of it. What it cannot read, it passes on unchanged,
//! and all that follows it one way on that connection: so it does where NATS turns to TLS. It speaks
//! no TLS itself. A frame of Kafka's that would tell a client of the broker's own address, and that
//! it cannot read, it keeps back, and says so; so it does with an answer to what it could not read.
//!
//! The readers are its own, and not those of `amq-protocol` or `kafka-protocol`: these are made for
//! programs that want the whole of a message, and a valid one. Here a broken frame passes on byte for
//! byte and ends no program, and memory is taken for bytes that have come, never for a length that was
//! announced. Tests compare what is read of Kafka's messages with what `kafka-protocol` writes.

mod act;
mod address;
pub mod amqp;
mod frame;
pub mod kafka;
mod ledger;
mod line;
pub mod nats;
#[cfg(test)]
mod properties;
mod proxy;
mod reader;
mod relay;
mod session;
mod shared;
mod weather;

use std::io;

pub use act::{Act, Fate, Held, Strike};
pub use frame::{Fields, Frame, Kind, UNREAD, Way};
pub use kafka::ApiKey;
pub use proxy::Proxy;
pub use session::Session;

/// Why the proxy does not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no list of addresses.
    #[error("`{0}` is no list of brokers: write HOST:PORT, several with commas between them")]
    Address(String),
    /// The text is no URL of a broker.
    #[error("`{url}` is no address for the proxy: write {scheme}://HOST:PORT, without TLS")]
    Url {
        /// What was given, without its user and password.
        url: String,
        /// What it must begin with.
        scheme: &'static str,
    },
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
    /// An answer that is larger than a client takes; or one to a request that said so and was passed on
    /// unread. It may be TLS.
    #[error(
        "a frame says that it has {0} bytes: more than 100 MiB, or none. Does the client speak TLS? The \
         proxy keeps back what answers it"
    )]
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
    /// A frame was waited for that does not come any more.
    #[error("the proxy or the connection ended before the frame came that was to be held")]
    Unreached,
}
