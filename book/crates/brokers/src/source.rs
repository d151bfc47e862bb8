//! Where a broker comes from: the order of the sources, and what a reader may force.

use std::fmt;
use std::time::Instant;

use crate::release::Release;
use crate::{Broker, Error, Kind, Tried, container, external, native, progress, record, tap, warm};

/// Where a broker comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A broker of the reader's own, named by an environment variable.
    External,
    /// One that `cargo book` keeps running.
    Warm,
    /// A process that this program started.
    Native,
    /// A container that this program started.
    Container,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::External => "external",
            Source::Warm => "warm",
            Source::Native => "native",
            Source::Container => "container",
        })
    }
}

/// What is asked of a broker.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Only from this source; else the first that fits.
    pub source: Option<Source>,
    /// The client port on loopback of a broker that is started; else a free one.
    pub port: Option<u16>,
    /// One that is started for this program alone, as a fault needs it: neither external nor warm.
    pub private: bool,
    /// A broker that will serve others as the warm one: RabbitMQ gets the virtual hosts to lease.
    pub warm_host: bool,
}

/// Finds or starts a broker.
///
/// # Errors
/// [`Error::NoSource`] lists what was tried. What the reader asked for by name and cannot be had
/// is an error at once, never a silent fall to another source.
pub async fn start(kind: Kind, options: Options) -> Result<Broker, Error> {
    let begun = Instant::now();
    let mut broker = choose(kind, &options).await?;
    // The reader's own NATS, a development build for example, may be older than any listing needs.
    broker.require(kind.floor())?;
    let seconds = begun.elapsed().as_secs_f64();
    progress::note(&format!(
        "{kind} {}, {}, ready in {seconds:.2} s",
        broker.version(),
        broker.source()
    ));
    record::broker(&broker)?;
    // Last: what has been said to the broker up to here is not the program's.
    if let Some(url) = tap::before(kind, broker.url()).await? {
        broker.tapped(url);
    }
    Ok(broker)
}

async fn choose(kind: Kind, options: &Options) -> Result<Broker, Error> {
    let forced = options
        .source
        .map_or_else(forced, |source| Ok(Some(source)))?;
    let allowed = |source| forced.is_none_or(|forced| forced == source);
    if allowed(Source::External) && !options.private {
        match external::url(kind) {
            Some(url) => return external::connect(kind, &url).await,
            None if forced.is_some() => return Err(no_external(kind)),
            None => {}
        }
    }
    if allowed(Source::Warm) && !options.private && !options.warm_host {
        if let Some(lease) = warm::lease(kind).await? {
            return Ok(Broker::warm(kind, lease));
        }
        if forced.is_some() {
            return Err(no_warm(kind));
        }
    }
    let mut tried = Vec::new();
    if allowed(Source::Native) {
        match native::start(kind, options).await {
            Ok(server) => return Ok(Broker::native(server)),
            Err(Error::NoSource { tried: routes, .. }) => tried.extend(routes),
            Err(error) => return Err(error),
        }
    }
    if allowed(Source::Container) && Release::wanted()?.is_newest() {
        match container::start(kind, options).await {
            Ok(container) => return Ok(Broker::container(container)),
            Err(Error::NoSource { tried: routes, .. }) => tried.extend(routes),
            Err(error) => return Err(error),
        }
    }
    if forced.is_none() {
        tried.push(Tried {
            what: "external".into(),
            why: format!("{} is not set", kind.variable()),
            fix: format!(
                "export {}={} (your own broker)",
                kind.variable(),
                kind.example()
            ),
        });
    }
    Err(Error::NoSource { kind, tried })
}

/// The source that `BROKERS` forces.
fn forced() -> Result<Option<Source>, Error> {
    let Some(value) = std::env::var_os("BROKERS").filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    match value.to_str() {
        Some("external") => Ok(Some(Source::External)),
        Some("native") => Ok(Some(Source::Native)),
        Some("container") => Ok(Some(Source::Container)),
        _ => Err(Error::BadSetting {
            variable: "BROKERS",
            value: value.to_string_lossy().into_owned(),
            fix: "use external, native or container, or unset it".into(),
        }),
    }
}

fn no_external(kind: Kind) -> Error {
    let fix = format!("export {}={}", kind.variable(), kind.example());
    let why = format!("{} is not set", kind.variable());
    Error::NoSource {
        kind,
        tried: vec![Tried {
            what: "external (BROKERS=external)".into(),
            why,
            fix,
        }],
    }
}

fn no_warm(kind: Kind) -> Error {
    let tried = Tried {
        what: "warm".into(),
        why: "no warm broker runs, or all its virtual hosts are in use".into(),
        fix: "run `cargo book up` in another terminal".into(),
    };
    Error::NoSource {
        kind,
        tried: vec![tried],
    }
}
