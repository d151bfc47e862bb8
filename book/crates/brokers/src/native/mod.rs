//! A broker that runs as a process of this program, without root and without Docker.

mod install;
pub(crate) mod kafka;
pub(crate) mod nats;
pub(crate) mod rabbitmq;
mod server;

pub use install::{installed, refresh};
pub use nats::nats_program;
pub(crate) use server::{GRACE, READY, Server, port_taken};

use std::path::PathBuf;

use crate::guard::Guard;
use crate::source::Options;
use crate::{Error, Kind, room, scratch};

/// Starts a broker from PATH, from the cache, or from what is provisioned now.
pub(crate) async fn start(kind: Kind, options: &Options) -> Result<Server, Error> {
    let found = install::find(kind).await?;
    if kind == Kind::RabbitMq {
        room::ensure()?;
    }
    // A port that was free a moment ago may be taken by the time the broker binds it. Where the
    // port was ours to choose, another one is chosen.
    let mut attempts = 0;
    loop {
        let started = match kind {
            Kind::Nats => nats::start(&found, options).await,
            Kind::RabbitMq => rabbitmq::start(&found, options).await,
            Kind::Kafka => kafka::start(&found, options).await,
        };
        match started {
            Err(Error::PortTaken { .. }) if options.port.is_none() && attempts < 3 => attempts += 1,
            other => return other,
        }
    }
}

/// A private folder for a broker's data, which goes with the guard.
pub(crate) async fn data_folder(kind: Kind, guard: &mut Guard) -> Result<PathBuf, Error> {
    use std::hash::{BuildHasher, RandomState};
    use std::os::unix::fs::DirBuilderExt;
    scratch::sweep();
    let unique = RandomState::new().hash_one(std::process::id());
    let name = format!("{}{}-{unique:016x}", scratch::prefix(), kind.name());
    let folder = std::env::temp_dir().join(name);
    guard.folder(&folder).await?;
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&folder)
        .map_err(Error::io(format!("make {}", folder.display())))?;
    guard.hold(scratch::hold(&folder)?);
    Ok(folder)
}
