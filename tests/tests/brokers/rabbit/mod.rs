//! What the book says about RabbitMQ and its Rust client: a module for each page, and `shop` with
//! what they share.

mod confirms;
mod connection;
mod dead_letter;
mod dead_letter_strategy;
mod delivery;
mod fanout;
mod inbox;
mod monitoring;
mod outbox;
mod prefetch;
mod queue;
mod recovery;
mod relay;
mod replay;
mod routing;
mod shop;
mod shutdown;
mod three_brokers;
mod topology;
mod topology_broker;
mod topology_flags;
mod tuned;
