//! The built press, driven as mdBook drives it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod book;
mod exercises;
mod pages;
mod problems;
mod reference;
