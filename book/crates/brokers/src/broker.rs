//! A broker that a program may use.

use crate::container::Container;
use crate::handshake::amqp;
use crate::native::Server;
use crate::warm::Lease;
use crate::{Error, Kind, Source};

/// A broker, found or started. Drop it or call [`Broker::stop`]: what was started for this
/// program ends either way.
#[derive(Debug)]
pub struct Broker {
    kind: Kind,
    url: String,
    /// Where clients go instead, if somebody looks on.
    tap: Option<String>,
    version: String,
    hold: Hold,
}

/// What keeps the broker, or this run's part of it.
#[derive(Debug)]
enum Hold {
    External,
    Warm(Lease),
    Native(Box<Server>),
    Container(Box<Container>),
}

impl Broker {
    pub(crate) fn external(kind: Kind, url: String, version: String) -> Broker {
        Broker {
            kind,
            url,
            tap: None,
            version,
            hold: Hold::External,
        }
    }

    pub(crate) fn warm(kind: Kind, lease: Lease) -> Broker {
        Broker {
            kind,
            url: lease.url.clone(),
            tap: None,
            version: lease.version.clone(),
            hold: Hold::Warm(lease),
        }
    }

    pub(crate) fn native(server: Server) -> Broker {
        Broker {
            kind: server.kind,
            url: server.url.clone(),
            tap: None,
            version: server.version.clone(),
            hold: Hold::Native(Box::new(server)),
        }
    }

    pub(crate) fn container(container: Container) -> Broker {
        Broker {
            kind: container.kind,
            url: container.url.clone(),
            tap: None,
            version: container.version.clone(),
            hold: Hold::Container(Box::new(container)),
        }
    }

    /// Which broker it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its address as the clients take it: `nats://...`, `amqp://...`, or Kafka's bootstrap
    /// servers `HOST:PORT`.
    pub fn url(&self) -> &str {
        self.tap.as_deref().unwrap_or(&self.url)
    }

    /// From now on clients go to this address, which is in front of the broker.
    pub(crate) fn tapped(&mut self, url: String) {
        self.tap = Some(url);
    }

    /// Its version, for example `4.3.6`; `unknown` where the broker does not tell.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Where it comes from.
    pub fn source(&self) -> Source {
        match self.hold {
            Hold::External => Source::External,
            Hold::Warm(_) => Source::Warm,
            Hold::Native(_) => Source::Native,
            Hold::Container(_) => Source::Container,
        }
    }

    /// Whether everything on it (for RabbitMQ: in its virtual host) is this run's own. On a broker
    /// that is not, names may be taken and what you make you must remove.
    pub fn is_ours(&self) -> bool {
        !matches!(self.hold, Hold::External)
    }

    /// The process id of a native broker while it runs.
    pub fn pid(&self) -> Option<u32> {
        match &self.hold {
            Hold::Native(server) => server.pid(),
            _ => None,
        }
    }

    /// The name under which this run keeps `base` (a topic or a consumer group): `base` itself on
    /// a broker that runs for this program alone; with the program's name in front on an external
    /// broker; with its process id as well on a warm one, which runs of one program may share.
    pub fn name(&self, base: &str) -> String {
        match self.hold {
            Hold::Native(_) | Hold::Container(_) => base.to_owned(),
            Hold::External => format!("{}.{base}", program()),
            Hold::Warm(_) => format!("{}.{}.{base}", program(), std::process::id()),
        }
    }

    /// Makes sure that no queue of this name exists where it could be somebody else's. On a broker
    /// that is ours this asks nothing.
    ///
    /// # Errors
    /// [`Error::NameTaken`] when an external RabbitMQ has such a queue. Nothing is changed there.
    pub async fn claim_queue(&self, name: &str) -> Result<(), Error> {
        self.claim(amqp::Thing::Queue, name).await
    }

    /// As [`Broker::claim_queue`], for an exchange.
    ///
    /// # Errors
    /// [`Error::NameTaken`] when an external RabbitMQ has such an exchange. Nothing is changed there.
    pub async fn claim_exchange(&self, name: &str) -> Result<(), Error> {
        self.claim(amqp::Thing::Exchange, name).await
    }

    async fn claim(&self, thing: amqp::Thing, name: &str) -> Result<(), Error> {
        if self.is_ours() || self.kind != Kind::RabbitMq {
            return Ok(());
        }
        let address = amqp::Address::parse(&self.url)?;
        if amqp::exists(&address, thing, name).await? {
            return Err(Error::NameTaken {
                kind: self.kind,
                url: address.shown,
                what: thing.words(),
                name: name.to_owned(),
            });
        }
        Ok(())
    }

    /// Fails where the broker is older than a listing needs.
    ///
    /// # Errors
    /// [`Error::TooOld`]. A broker that does not tell its version passes.
    pub fn require(&self, floor: &str) -> Result<(), Error> {
        if self.version == "unknown" || crate::kind::at_least(&self.version, floor) {
            return Ok(());
        }
        Err(Error::TooOld {
            kind: self.kind,
            found: self.version.clone(),
            floor: floor.to_owned(),
            place: self.source().to_string(),
        })
    }

    /// Ends the broker with SIGKILL. It stays down until [`Broker::restart`].
    ///
    /// # Errors
    /// [`Error::NotOwned`] on a broker that this program did not start; so for the other faults.
    pub async fn kill(&mut self) -> Result<(), Error> {
        match &mut self.hold {
            Hold::Native(server) => server.kill().await,
            Hold::Container(container) => container.kill().await,
            _ => Err(self.not_owned("kill")),
        }
    }

    /// Stops its execution with SIGSTOP: connections stay open and nothing answers. When this
    /// returns, it does nothing any more.
    ///
    /// # Errors
    /// As [`Broker::kill`].
    pub async fn pause(&mut self) -> Result<(), Error> {
        match &mut self.hold {
            Hold::Native(server) => server.pause().await,
            Hold::Container(container) => container.pause().await,
            _ => Err(self.not_owned("pause")),
        }
    }

    /// Lets a paused broker go on.
    ///
    /// # Errors
    /// As [`Broker::kill`].
    pub async fn resume(&mut self) -> Result<(), Error> {
        match &mut self.hold {
            Hold::Native(server) => server.resume(),
            Hold::Container(container) => container.resume().await,
            _ => Err(self.not_owned("resume")),
        }
    }

    /// Ends it with SIGTERM, or finds it killed, and starts it again: same port, same data.
    ///
    /// # Errors
    /// As [`Broker::kill`]; also what can go wrong at a start.
    pub async fn restart(&mut self) -> Result<(), Error> {
        match &mut self.hold {
            Hold::Native(server) => server.restart().await,
            Hold::Container(container) => container.restart().await,
            _ => Err(self.not_owned("restart")),
        }
    }

    /// Runs the broker's own command-line tool against it (`rabbitmqctl`) and gives what it
    /// prints.
    ///
    /// # Errors
    /// [`Error::NotOwned`] on a broker that this program did not start, or that has no such tool,
    /// [`Error::Tool`] when the tool fails.
    pub async fn control(&mut self, args: &[&str]) -> Result<String, Error> {
        match &mut self.hold {
            Hold::Native(server) => server.control(args).await,
            Hold::Container(container) => container.control(args).await,
            _ => Err(self.not_owned("control")),
        }
    }

    /// Ends what was started for this program and waits until it is gone; gives back what was
    /// leased. A broker that was there before stays.
    ///
    /// # Errors
    /// When the guard cannot be waited for.
    pub async fn stop(self) -> Result<(), Error> {
        match self.hold {
            Hold::External => Ok(()),
            Hold::Warm(lease) => {
                drop(lease);
                Ok(())
            }
            Hold::Native(server) => server.stop().await,
            Hold::Container(container) => container.stop().await,
        }
    }

    fn not_owned(&self, what: &'static str) -> Error {
        Error::NotOwned {
            kind: self.kind,
            what,
            source_name: self.source().to_string(),
        }
    }
}

/// The name of the running program, which for a listing is its crate's name.
fn program() -> String {
    let program = std::env::current_exe().unwrap_or_default();
    program
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
