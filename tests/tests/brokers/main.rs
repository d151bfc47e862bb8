//! What the book says about the brokers and their Rust clients, shown on real ones. One test binary
//! for all three: its tests mostly wait for a broker, and do so side by side.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod http;
mod kafka;
mod nats;
mod rabbit;
