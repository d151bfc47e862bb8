//! The built book as a reader sees it, in Chromium.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod axe;
mod chromium;
mod loaded;
mod looks;
mod copy;
mod exercises;
mod pages;
mod predictions;
mod progress;
mod runs;
mod server;
mod wire;
mod weight;

/// mdBook's themes.
const THEMES: [&str; 5] = ["light", "rust", "coal", "navy", "ayu"];
/// The height of a window, in CSS pixels.
const HEIGHT: u32 = 900;
