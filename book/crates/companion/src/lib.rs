//! What the suite shares with `cargo book`: how a listing is run to be compared.
//!
//! Both the test suite and `cargo book accept` run a listing through [`runner`], so
//! what the one records is what the other sees.

pub mod runner;
