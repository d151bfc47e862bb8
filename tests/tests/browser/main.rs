//! The built book as a reader sees it, in Chromium.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod axe;
mod chromium;
mod copy;
mod exercises;
mod loaded;
mod looks;
mod pages;
mod predictions;
mod progress;
mod runs;
mod server;
mod weight;
mod wire;

/// mdBook's themes.
const THEMES: [&str; 5] = ["light", "rust", "coal", "navy", "ayu"];
/// The height of a window, in CSS pixels.
const HEIGHT: u32 = 900;
