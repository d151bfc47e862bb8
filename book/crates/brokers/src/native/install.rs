//! Which native server to run: one on PATH, one in the cache, or one that is provisioned now.

use std::path::{Path, PathBuf};

use super::{kafka, nats, rabbitmq};
use crate::cache::{self, Shelf};
use crate::kind::at_least;
use crate::progress::note;
use crate::release::Release;
use crate::{Error, Kind, Tried};

/// A server that can be started.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) version: String,
    /// Its program where it is on PATH, its folder where it is in the cache.
    pub(crate) place: PathBuf,
    pub(crate) on_path: bool,
}

/// The first that fits; provisions one where there is none.
pub(crate) async fn find(kind: Kind) -> Result<Found, Error> {
    let on_path = match Release::wanted()?.is_newest() {
        true => on_path(kind).await,
        false => None,
    };
    match on_path {
        Some(found) if at_least(&found.version, kind.floor()) => return Ok(found),
        Some(old) => note(&format!(
            "passing over {kind} {} at {}: the book needs {} or newer",
            old.version,
            old.place.display(),
            kind.floor()
        )),
        None => {}
    }
    let root = root(kind)?;
    if let Some(found) = newest(kind, &root) {
        cache::tidy(kind, &root)?;
        return Ok(found);
    }
    let shelf = Shelf::lock(kind, &root).await?;
    // Whoever held the lock may have installed what is needed.
    match newest(kind, &root) {
        Some(found) => {
            std::fs::remove_dir_all(&shelf.incoming).map_err(Error::io("tidy the cache"))?;
            Ok(found)
        }
        None => provision(kind, &shelf).await,
    }
}

/// Provisions the version that is current now, whatever the cache has, and gives that version.
///
/// # Errors
/// [`Error::NoSource`] when no package client gives one; what the cache had stays.
pub async fn refresh(kind: Kind) -> Result<String, Error> {
    let shelf = Shelf::lock(kind, &root(kind)?).await?;
    Ok(provision(kind, &shelf).await?.version)
}

async fn provision(kind: Kind, shelf: &Shelf) -> Result<Found, Error> {
    let provisioned = match kind {
        Kind::Nats => nats::provision(shelf).await,
        Kind::RabbitMq => rabbitmq::provision(shelf).await,
        Kind::Kafka => kafka::provision(shelf).await,
    };
    if provisioned.is_err() {
        let _ = std::fs::remove_dir_all(&shelf.incoming);
    }
    provisioned
}

/// Runs the routes in order until one gives a server. What one route left is cleared before the
/// next begins; an error that would be the same on every route ends the search.
pub(crate) struct Routes<'a> {
    kind: Kind,
    shelf: &'a Shelf,
    tried: Vec<Tried>,
}

impl<'a> Routes<'a> {
    pub(crate) fn new(kind: Kind, shelf: &'a Shelf) -> Routes<'a> {
        Routes {
            kind,
            shelf,
            tried: Vec::new(),
        }
    }

    /// Notes a route that could not even begin.
    pub(crate) fn impassable(&mut self, tried: Tried) {
        self.tried.push(tried);
    }

    /// Takes a route's result: `Some` ends the search.
    pub(crate) fn take(
        &mut self,
        what: &str,
        fix: &str,
        result: Result<Found, Error>,
    ) -> Result<Option<Found>, Error> {
        match result {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_final() => Err(error),
            Err(error) => {
                self.tried.push(Tried {
                    what: what.into(),
                    why: error.to_string(),
                    fix: fix.into(),
                });
                self.shelf.clear()?;
                Ok(None)
            }
        }
    }

    /// No route gave a server.
    pub(crate) fn none(self) -> Error {
        Error::NoSource {
            kind: self.kind,
            tried: self.tried,
        }
    }
}

async fn on_path(kind: Kind) -> Option<Found> {
    match kind {
        Kind::Nats => nats::on_path().await,
        Kind::RabbitMq => rabbitmq::on_path(),
        Kind::Kafka => kafka::on_path(),
    }
}

fn root(kind: Kind) -> Result<PathBuf, Error> {
    match kind {
        Kind::RabbitMq => cache::folder_without_space(),
        Kind::Nats | Kind::Kafka => cache::folder(),
    }
}

/// The newest version in the cache.
fn newest(kind: Kind, root: &Path) -> Option<Found> {
    let versions = cache::versions(kind, root).into_iter();
    let newest = versions
        .map(|name| name.to_string_lossy().into_owned())
        .reduce(|best, other| if at_least(&best, &other) { best } else { other })?;
    Some(Found {
        place: root.join(kind.name()).join(&newest),
        version: newest,
        on_path: false,
    })
}

/// The newest version of a broker in the cache, if there is one, and the folder it is in.
///
/// # Errors
/// When there is no cache folder and none can be made.
pub fn installed(kind: Kind) -> Result<Option<(String, PathBuf)>, Error> {
    Ok(newest(kind, &root(kind)?).map(|found| (found.version, found.place)))
}
