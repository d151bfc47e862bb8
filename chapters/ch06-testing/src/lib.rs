//! A piece of a service, and the test of it: on a real broker, with a real fault.
//!
//! The listing and the tests in `tests/` play the same scene, on a server that is a process and on
//! one in a container.

mod publisher;
mod scene;
mod story;

pub use publisher::Publisher;
pub use scene::{Fault, Nats, play};
pub use story::Story;
