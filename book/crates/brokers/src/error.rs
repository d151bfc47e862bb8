//! What can go wrong between a program and its broker, each with what to do about it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use crate::Kind;

/// One source that was tried and gave no broker.
#[derive(Debug, Clone)]
pub struct Tried {
    /// Where a broker was looked for, for example `native, by apt-get`.
    pub what: String,
    /// Why there was none.
    pub why: String,
    /// The command or setting that would change that.
    pub fix: String,
}

/// Why there is no broker, or why one cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The variable's value is no address of such a broker.
    #[error(
        "{variable} is not an address of a {kind}: {reason}\n  found:   {value}\n  expected, for example: {example}",
        variable = .kind.variable(), example = .kind.example()
    )]
    BadUrl {
        /// Which broker.
        kind: Kind,
        /// The value without its password.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing answers there.
    #[error(
        "{variable} names {url}, but no {kind} answers there: {reason}\n  Start that broker, correct {variable}, or unset it to let the book find or start one.",
        variable = .kind.variable()
    )]
    Unreachable {
        /// Which broker.
        kind: Kind,
        /// The address without its password.
        url: String,
        /// What the attempt ended with.
        reason: String,
    },
    /// The broker answers and refuses this user, password or virtual host.
    #[error(
        "the {kind} at {url} refuses to let you in: {reason}\n  Check user, password and virtual host in {variable}.",
        variable = .kind.variable()
    )]
    Refused {
        /// Which broker.
        kind: Kind,
        /// The address without its password.
        url: String,
        /// The broker's own words.
        reason: String,
    },
    /// The broker is older than what is needed.
    #[error(
        "{kind} {found} ({place}) is too old: this needs {floor} or newer.\n  Upgrade it, or unset {variable} to let the book find or start one.",
        variable = .kind.variable()
    )]
    TooOld {
        /// Which broker.
        kind: Kind,
        /// Its version.
        found: String,
        /// The oldest version that works.
        floor: String,
        /// Where it is.
        place: String,
    },
    /// The port that was asked for is in use.
    #[error(
        "port {port} for {kind} is taken by another program.\n  Choose another one, or end that program: `ss -ltnp 'sport = :{port}'` shows it."
    )]
    PortTaken {
        /// Which broker.
        kind: Kind,
        /// The TCP port on loopback.
        port: u16,
    },
    /// The cache folder cannot be written.
    #[error("the cache folder {folder} cannot be written: {reason}\n  Make it writable, or set BOOK_CACHE to a folder that is.", folder = .folder.display())]
    CacheNotWritable {
        /// The folder.
        folder: PathBuf,
        /// The operating system's words.
        reason: String,
    },
    /// No room for what has to be unpacked.
    #[error("the disk is full: {what} needs about {megabytes} MB in {folder}.\n  Free that much, or set BOOK_CACHE to a folder on a larger disk. Nothing half-installed was left.", folder = .folder.display())]
    DiskFull {
        /// What was to be written.
        what: String,
        /// How much it needs in all, in megabytes.
        megabytes: u32,
        /// Where.
        folder: PathBuf,
    },
    /// No room for what RabbitMQ stores while it runs.
    #[error("the disk is full: RabbitMQ needs {megabytes} MB in {folder} while it runs.\n  Free that much, or set TMPDIR to a folder on a larger disk.", folder = .folder.display())]
    NoRoom {
        /// How much it needs, in megabytes.
        megabytes: u32,
        /// Where.
        folder: PathBuf,
    },
    /// A tool that was needed failed.
    #[error("`{command}` failed: {reason}{}", tail_block(.tail))]
    Tool {
        /// The command without its long options.
        command: String,
        /// Exit status or what the operating system said.
        reason: String,
        /// Its last lines.
        tail: Vec<String>,
    },
    /// No source gave a broker.
    #[error("no {kind} could be found or started. What was tried:{}", tried_block(.tried))]
    NoSource {
        /// Which broker.
        kind: Kind,
        /// Each attempt in order.
        tried: Vec<Tried>,
    },
    /// The broker ended while it was starting.
    #[error("{kind} ended while it was starting ({reason}). The last lines of its log:{}", tail_block(.tail))]
    Died {
        /// Which broker.
        kind: Kind,
        /// Its exit status.
        reason: String,
        /// The last lines of its log.
        tail: Vec<String>,
    },
    /// The broker runs but did not say that it is ready.
    #[error("{kind} did not say that it is ready within {} s. The last lines of its log:{}", .after.as_secs(), tail_block(.tail))]
    NotReady {
        /// Which broker.
        kind: Kind,
        /// How long was waited.
        after: Duration,
        /// The last lines of its log.
        tail: Vec<String>,
    },
    /// A setting has a value that it cannot have.
    #[error("{variable}={value} is not a setting of the book: {fix}")]
    BadSetting {
        /// The environment variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        fix: String,
    },
    /// A fault was asked of a broker that this program did not start.
    #[error(
        "cannot {what} this {kind}: it was not started by this program ({source_name}).\n  Use a private broker: `brokers::start` with `private: true`."
    )]
    NotOwned {
        /// Which broker.
        kind: Kind,
        /// The fault.
        what: &'static str,
        /// Where the broker comes from.
        source_name: String,
    },
    /// A queue or an exchange of that name is there already, on a broker that is not ours.
    #[error("{url} already has {what} named {name}, and this listing did not make it.\n  Somebody may need it, so nothing was touched. Delete it yourself, use another virtual host, or unset {variable}.", variable = .kind.variable())]
    NameTaken {
        /// Which broker.
        kind: Kind,
        /// The address without its password.
        url: String,
        /// `a queue` or `an exchange`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A tap is named and gives no address in front of the broker.
    #[error(
        "there is no tap in front of {kind}: {} names {address}, and that says: {why}\n  Unset {} to run without one.",
        crate::tap::VARIABLE,
        crate::tap::VARIABLE
    )]
    Untapped {
        /// Which broker.
        kind: Kind,
        /// Who was asked.
        address: std::net::SocketAddr,
        /// Why there is none.
        why: String,
    },
    /// Something that the operating system refused.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done, as in `cannot ...`.
        doing: String,
        /// The operating system's words.
        source: std::io::Error,
    },
}

impl Error {
    /// Nothing of that kind answers at `url`, which is shown as it is: without its password.
    pub(crate) fn unreachable(kind: Kind, url: &str, reason: impl ToString) -> Error {
        Error::Unreachable {
            kind,
            url: url.to_owned(),
            reason: reason.to_string(),
        }
    }

    /// The broker at `url`, which is shown as it is, lets nobody in like this.
    pub(crate) fn refused(kind: Kind, url: &str, reason: impl ToString) -> Error {
        Error::Refused {
            kind,
            url: url.to_owned(),
            reason: reason.to_string(),
        }
    }

    /// For `map_err`: an I/O error with what was being done.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
        let doing = doing.into();
        move |source| Error::Io { doing, source }
    }

    /// Whether another source may be tried after this one: what the reader asked for by name, or
    /// what would fail the same way everywhere, is told at once instead.
    pub(crate) fn is_final(&self) -> bool {
        matches!(
            self,
            Error::BadUrl { .. }
                | Error::Unreachable { .. }
                | Error::Refused { .. }
                | Error::PortTaken { .. }
                | Error::BadSetting { .. }
                | Error::CacheNotWritable { .. }
                | Error::DiskFull { .. }
                | Error::Died { .. }
                | Error::NotReady { .. }
        )
    }
}

fn tail_block(tail: &[String]) -> String {
    let mut block = String::new();
    for line in tail {
        let _ = write!(block, "\n  | {line}");
    }
    block
}

fn tried_block(tried: &[Tried]) -> String {
    let mut block = String::new();
    for Tried { what, why, fix } in tried {
        let why = why.replace('\n', "\n    ");
        let _ = write!(block, "\n  - {what}: {why}\n    to fix: {fix}");
    }
    block
}
