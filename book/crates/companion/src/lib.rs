//! What the suite shares with `cargo book`: how a listing is run to be compared, and an
//! answer graded.
//!
//! Both the test suite and `cargo book accept` run a listing through [`runner`], so
//! what the one records is what the other sees. The suite and `cargo book soak` grade the
//! repository's answers to the exercises through [`grading`]. What cargo has built both learn from
//! [`artifacts`], how it is called from [`toolchain`], what a listing's knobs are from [`options`], and whose
//! program is at the other end of a connection from [`peer`].

pub mod artifacts;
pub mod grading;
pub mod options;
pub mod peer;
pub mod runner;
pub mod tap;
pub mod toolchain;
