//! The repository's conventions. Each is a function from what it reads to a list of
//! problems, every one with its place and its fix, and has a unit test that shows it
//! failing; `tests/tests/tidy.rs` applies them to the repository.

pub mod layout;
pub mod machine;
pub mod manifest;
pub mod names;
pub mod pages;
pub mod practices;
pub mod readme;
pub mod reference;
pub mod rhythm;
pub mod rust;
pub mod source;
pub mod template;
