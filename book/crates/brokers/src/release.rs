//! Which release of a native broker is run: the one that the book was written with, or the oldest
//! that it supports, for a test of that promise.

use std::path::PathBuf;

use crate::Error;
use crate::pins::{FLOOR, Kafka, NATS_MODULE, NATS_WHEEL, NEWEST, Wheel};

/// The variable that chooses; the value is `floor`.
const VARIABLE: &str = "BOOK_RELEASE";

/// A line of releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    /// What is current.
    Newest,
    /// The oldest that is supported, each kind in a cache folder of its own.
    Floor,
}

impl Release {
    /// The one that is asked for.
    ///
    /// # Errors
    /// [`Error::BadSetting`] when `BOOK_RELEASE` has another value than `floor`.
    pub(crate) fn wanted() -> Result<Release, Error> {
        let value = std::env::var_os(VARIABLE).unwrap_or_default();
        match value.to_str() {
            Some("") => Ok(Release::Newest),
            Some("floor") => Ok(Release::Floor),
            _ => Err(Error::BadSetting {
                variable: VARIABLE,
                value: value.to_string_lossy().into_owned(),
                fix: "use floor, or unset it".into(),
            }),
        }
    }

    /// Where its versions are kept in the cache folder.
    pub(crate) fn folder(self, cache: PathBuf) -> PathBuf {
        match self {
            Release::Newest => cache,
            Release::Floor => cache.join("floor"),
        }
    }

    /// Whether any supported version will do: one on PATH, an image. The floor is one version and no
    /// other.
    pub(crate) fn is_newest(self) -> bool {
        self == Release::Newest
    }

    pub(crate) fn nats_wheel(self) -> &'static Wheel {
        match self {
            Release::Newest => &NATS_WHEEL,
            Release::Floor => &FLOOR.nats,
        }
    }

    /// The Go module of the same NATS, where there is a second way to it.
    pub(crate) fn nats_module(self) -> Option<&'static str> {
        (self == Release::Newest).then_some(NATS_MODULE)
    }

    /// Debian suites with RabbitMQ, the newest first. Sid has no fixed version: what is there is
    /// recorded.
    pub(crate) fn rabbitmq_suites(self) -> &'static [&'static str] {
        match self {
            Release::Newest => &["sid", FLOOR.rabbitmq_suite],
            Release::Floor => &[FLOOR.rabbitmq_suite],
        }
    }

    pub(crate) fn kafka(self) -> &'static Kafka {
        match self {
            Release::Newest => &NEWEST,
            Release::Floor => &FLOOR.kafka,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn the_floors_pins_are_of_the_floors_minor_versions() {
        for (kind, version) in [
            (Kind::Nats, FLOOR.nats.version),
            (Kind::Kafka, FLOOR.kafka.version),
        ] {
            let minor = kind.floor().rsplit_once('.').map(|(minor, _)| minor);
            let found = version.rsplit_once('.').map(|(minor, _)| minor);
            assert_eq!(found, minor, "{kind} {version}");
        }
    }
}
