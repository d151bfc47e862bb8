//! The program as its users see it: a module for each command or subject, and `common` with what they
//! share. One test binary for all: its tests mostly wait, and do so side by side.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod accept;
mod bench;
mod build;
mod cargo;
mod common;
mod editor;
mod exercises;
mod help;
mod new;
mod page_progress;
mod page_progress_attacks;
mod page_run;
mod page_run_attacks;
mod page_run_bounds;
mod progress;
mod serve;
mod serve_attacks;
mod solve;
mod solve_attacks;
mod solve_bounds;
mod tap;
mod warm;
