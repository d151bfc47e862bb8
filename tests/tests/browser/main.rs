//! The built book as a reader sees it, in Chromium.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod chromium;
mod pages;
mod predictions;
mod progress;
mod runs;
mod server;
mod wire;
