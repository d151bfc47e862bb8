//! What the book says about Kafka and its Rust client: a module for each page, and `topic`, `group`
//! and `members` with what they share. Most tests share one Kafka, each with a topic of its own; those
//! that pause or kill it start another one.

mod batching;
mod consumer;
mod dedup;
mod event_sourcing;
mod faults;
mod group;
mod groups;
mod keys;
mod lag;
mod listing;
mod members;
mod monitoring;
mod poison;
mod producer;
mod replay;
mod retention;
mod three_brokers;
mod topic;
mod transactions;
