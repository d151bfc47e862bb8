//! The crate as its users see it, on real brokers: a module for each subject, and `images`, `paths`
//! and `support` with what they share. One test binary for all: its tests mostly wait, and do so side
//! by side.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bad_cases;
mod cache;
mod containers;
mod faults;
mod guard;
mod images;
mod kafka_native;
mod nats_native;
mod paths;
mod rabbitmq;
mod support;
mod tap;
mod worker;
