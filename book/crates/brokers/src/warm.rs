//! Brokers that `cargo book` keeps running, and how other programs find and share them.
//!
//! One file in the cache folder, `warm.json`, says which process keeps them and where they are.
//! RabbitMQ is shared by virtual host: there are 16, `book-01` to `book-16`, each with a lock file
//! `warm/vhost-NN.lock`. Who holds the lock has the host to itself. The file holds `clean` or
//! `used`; the keeper makes a host that is not clean anew once its lock is free.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Broker, Error, Kind, cache, external};

/// How many virtual hosts a warm RabbitMQ has to lease.
pub const VHOSTS: usize = 16;

/// Which process keeps warm brokers, and where they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The process that keeps them.
    pub pid: u32,
    /// When that process started, as the operating system tells it: a process id is given out
    /// again, a pair of id and start time is not.
    pub start_time: String,
    /// NATS, if it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nats: Option<Entry>,
    /// RabbitMQ, if it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rabbitmq: Option<Entry>,
    /// Kafka, if it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kafka: Option<Entry>,
}

/// One warm broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its address.
    pub url: String,
    /// Its version.
    pub version: String,
    /// Its process id, where it has one on this machine.
    pub pid: Option<u32>,
}

impl State {
    /// A state that names this process, without brokers.
    ///
    /// # Errors
    /// When the operating system does not tell when this process started.
    pub fn new() -> Result<State, Error> {
        let pid = std::process::id();
        let start_time = start_time(pid).ok_or_else(|| Error::Io {
            doing: "read when this process started".into(),
            source: std::io::ErrorKind::NotFound.into(),
        })?;
        Ok(State {
            pid,
            start_time,
            nats: None,
            rabbitmq: None,
            kafka: None,
        })
    }

    /// The entry of one broker.
    pub fn entry(&self, kind: Kind) -> Option<&Entry> {
        match kind {
            Kind::Nats => self.nats.as_ref(),
            Kind::RabbitMq => self.rabbitmq.as_ref(),
            Kind::Kafka => self.kafka.as_ref(),
        }
    }

    /// Adds a broker that runs.
    pub fn add(&mut self, broker: &Broker) {
        let entry = Entry {
            url: broker.url().to_owned(),
            version: broker.version().to_owned(),
            pid: broker.pid(),
        };
        match broker.kind() {
            Kind::Nats => self.nats = Some(entry),
            Kind::RabbitMq => self.rabbitmq = Some(entry),
            Kind::Kafka => self.kafka = Some(entry),
        }
    }

    /// The state file's content; `None` where there is none or it cannot be read as one.
    ///
    /// # Errors
    /// When there is no cache folder.
    pub fn read() -> Result<Option<State>, Error> {
        let text = std::fs::read_to_string(path()?).unwrap_or_default();
        Ok(serde_json::from_str(&text).ok())
    }

    /// Writes the state file at once and whole, readable by this user alone.
    ///
    /// # Errors
    /// When the cache folder cannot be written.
    pub fn write(&self) -> Result<(), Error> {
        let doing = || Error::io("write the file that names the warm brokers");
        let text = serde_json::to_string_pretty(self)
            .map_err(std::io::Error::other)
            .map_err(doing())?;
        let path = path()?;
        let mut file = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .tempfile_in(cache::folder()?)
            .map_err(doing())?;
        file.write_all(text.as_bytes()).map_err(doing())?;
        file.persist(path)
            .map_err(|error| error.error)
            .map_err(doing())?;
        Ok(())
    }

    /// Removes the state file if it names this process.
    ///
    /// # Errors
    /// When the cache folder cannot be written.
    pub fn remove(&self) -> Result<(), Error> {
        if State::read()?
            .is_some_and(|state| state.pid == self.pid && state.start_time == self.start_time)
        {
            std::fs::remove_file(path()?)
                .map_err(Error::io("remove the file that names the warm brokers"))?;
        }
        Ok(())
    }

    /// Whether the process that wrote it still runs.
    pub fn is_alive(&self) -> bool {
        start_time(self.pid).is_some_and(|time| time == self.start_time)
    }
}

fn path() -> Result<PathBuf, Error> {
    Ok(cache::folder()?.join("warm.json"))
}

/// When a process started: field 22 of /proc/PID/stat on Linux, what `ps` says elsewhere.
fn start_time(pid: u32) -> Option<String> {
    if let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        // The second field is the program's name in parentheses and may hold spaces itself.
        return stat
            .rsplit_once(')')?
            .1
            .split_whitespace()
            .nth(19)
            .map(str::to_owned);
    }
    let ps = std::process::Command::new("ps")
        .args(["-o", "lstart=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    let time = String::from_utf8(ps.stdout).ok()?.trim().to_owned();
    Some(time).filter(|time| !time.is_empty())
}

/// A run's part of a warm broker.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) url: String,
    pub(crate) version: String,
    /// Holds the lock on a virtual host. The operating system lets go of it when this program
    /// ends, however it ends.
    _lock: Option<File>,
}

/// A part of the warm broker, if one runs and answers. NATS is never shared: a server of its own
/// is ready in 30 ms.
pub(crate) async fn lease(kind: Kind) -> Result<Option<Lease>, Error> {
    if kind == Kind::Nats {
        return Ok(None);
    }
    let Some(state) = State::read()?.filter(State::is_alive) else {
        return Ok(None);
    };
    let Some(entry) = state.entry(kind).cloned() else {
        return Ok(None);
    };
    if kind == Kind::Kafka {
        let answers = external::greet(kind, &entry.url).await.is_ok();
        return Ok(answers.then_some(Lease {
            url: entry.url,
            version: entry.version,
            _lock: None,
        }));
    }
    for number in 1..=VHOSTS {
        if let Some(lock) = lock_if_clean(number)? {
            let url = format!("{}/{}", entry.url.trim_end_matches("/%2f"), vhost(number));
            // A host that does not answer is not leased, and neither are the others.
            let answers = external::greet(kind, &url).await.is_ok();
            return Ok(answers.then_some(Lease {
                url,
                version: entry.version,
                _lock: Some(lock),
            }));
        }
    }
    Ok(None)
}

/// The name of a virtual host to lease.
fn vhost(number: usize) -> String {
    format!("book-{number:02}")
}

fn lock_file(number: usize) -> Result<File, Error> {
    let folder = cache::folder()?.join("warm");
    std::fs::create_dir_all(&folder)
        .map_err(Error::io("make the folder for the warm brokers' locks"))?;
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(folder.join(format!("vhost-{number:02}.lock")))
        .map_err(Error::io("open a virtual host's lock"))
}

/// Takes a host's lock and marks it used, if it is clean and free.
fn lock_if_clean(number: usize) -> Result<Option<File>, Error> {
    let mut file = lock_file(number)?;
    if file.try_lock().is_err() || content(&mut file) != "clean" {
        return Ok(None);
    }
    mark(&mut file, "used")?;
    Ok(Some(file))
}

fn content(file: &mut File) -> String {
    let mut text = String::new();
    let _ = file.read_to_string(&mut text);
    text
}

fn mark(file: &mut File, word: &str) -> Result<(), Error> {
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(word.as_bytes()))
        .map_err(Error::io("mark a virtual host"))
}

/// The definitions that RabbitMQ loads at its start: the virtual hosts to lease beside `/`. With
/// definitions to load it makes neither its default user nor its default host, so they are here.
pub(crate) fn definitions() -> String {
    let hosts: Vec<String> = std::iter::once("/".to_owned())
        .chain((1..=VHOSTS).map(vhost))
        .collect();
    let everything = ".*";
    serde_json::json!({
        "users": [{ "name": "guest", "password": "guest", "tags": ["administrator"] }],
        "vhosts": hosts.iter().map(|name| serde_json::json!({ "name": name })).collect::<Vec<_>>(),
        "permissions": hosts.iter().map(|host| serde_json::json!({
            "user": "guest", "vhost": host,
            "configure": everything, "write": everything, "read": everything,
        })).collect::<Vec<_>>(),
    })
    .to_string()
}

/// Marks every virtual host clean: for the keeper, whose RabbitMQ has just started.
///
/// # Errors
/// When the cache folder cannot be written.
pub fn all_clean() -> Result<(), Error> {
    for number in 1..=VHOSTS {
        mark(&mut lock_file(number)?, "clean")?;
    }
    Ok(())
}

/// Makes anew each virtual host that was used and is free again. The keeper calls it from time to
/// time; it is cheap while there is nothing to do.
///
/// # Errors
/// When `rabbitmqctl` fails.
pub async fn tend(rabbit: &mut Broker) -> Result<(), Error> {
    let mut used = Vec::new();
    for number in 1..=VHOSTS {
        let mut file = lock_file(number)?;
        // On a full disk a host may be marked as nothing.
        if file.try_lock().is_ok() && content(&mut file) != "clean" {
            used.push((number, file));
        }
    }
    if used.is_empty() {
        return Ok(());
    }
    let hosts: Vec<String> = used
        .iter()
        .map(|(number, _)| format!("<<\"{}\">>", vhost(*number)))
        .collect();
    // One Erlang expression for all of them: starting rabbitmqctl costs far more than the work.
    let remake = format!(
        "[begin rabbit_vhost:delete(H, <<\"book\">>), rabbit_vhost:add(H, <<\"book\">>), \
         rabbit_auth_backend_internal:set_permissions(<<\"guest\">>, H, <<\".*\">>, <<\".*\">>, <<\".*\">>, <<\"book\">>) \
         end || H <- [{}]], ok.",
        hosts.join(", ")
    );
    rabbit.control(&["eval", &remake]).await?;
    for (_, mut file) in used {
        mark(&mut file, "clean")?;
    }
    Ok(())
}
