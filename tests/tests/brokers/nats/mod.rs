//! What the book says about NATS and its Rust client: a module for each page, and `shop` with what
//! they share.

mod connection;
mod dedup;
mod jetstream;
mod listing;
mod monitoring;
mod poison;
mod pub_sub;
mod queue_group;
mod queue_or_log;
mod reader;
mod request_reply;
mod retry;
mod schema;
mod shop;
mod shutdown;
mod socket;
mod store;
mod testing;
mod three_brokers;
mod varz;
