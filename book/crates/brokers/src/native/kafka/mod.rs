//! Kafka in KRaft mode: jars of Maven Central, run by a Java of this machine or of the cache.

mod prepared;
pub(crate) mod settings;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use self::prepared::Prepared;
use super::Server;
use super::install::{Found, Routes};
use super::server::Plan;
use crate::cache::{self, Shelf};
use crate::clients::java::Java;
use crate::clients::maven::Maven;
use crate::clients::{Tools, on_path as program_on_path};
use crate::guard::Guard;
use crate::process::Program;
use crate::progress::{Step, note};
use crate::release::Release;
use crate::source::Options;
use crate::{Error, Kind, ports};

/// Kafka's log: warnings and errors, each with its cause, and the one line that says it is ready.
const LOGGING: &str = include_str!("log4j2.properties");

/// What a broker says when it serves. Its port is open earlier.
pub(crate) const READY: &str = "Kafka Server started";

/// A Kafka on PATH, as its tarball or Homebrew installs it.
pub(crate) fn on_path() -> Option<Found> {
    let program = program_on_path("kafka-server-start.sh")
        .or_else(|| program_on_path("kafka-server-start"))?;
    let home = std::fs::canonicalize(program)
        .ok()?
        .parent()?
        .parent()?
        .to_owned();
    let folders = [home.join("libs"), home.join("libexec/libs")];
    folders.into_iter().find_map(|place| {
        let version = jars(&place).ok()?.iter().find_map(|jar| version(jar))?;
        Some(Found {
            version,
            place,
            on_path: true,
        })
    })
}

/// `4.4.0` out of `kafka_2.13-4.4.0.jar`.
fn version(jar: &Path) -> Option<String> {
    let version = jar
        .file_name()?
        .to_str()?
        .strip_prefix("kafka_2.13-")?
        .strip_suffix(".jar")?;
    // Beside the jar of the broker there may be those of its tests and sources.
    version
        .split('.')
        .all(|part| part.parse::<u32>().is_ok())
        .then(|| version.to_owned())
}

/// The jars in a folder, in order of name.
fn jars(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries =
        std::fs::read_dir(folder).map_err(Error::io(format!("list {}", folder.display())))?;
    let mut jars: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    jars.retain(|file| file.extension().is_some_and(|extension| extension == "jar"));
    jars.sort();
    Ok(jars)
}

/// Fetches Kafka's jars, and a Java where the machine has none.
pub(crate) async fn provision(shelf: &Shelf) -> Result<Found, Error> {
    let version = Release::wanted()?.kafka().version;
    let step = Step::begin(format!("installing Kafka {version} into the cache"));
    let mut tools = Tools::new(&shelf.incoming, &shelf.lock)?;
    let result = from_maven(shelf, &mut tools, &step).await;
    tools.close().await?;
    step.end();
    let found = result?;
    note(&format!(
        "installed Kafka {} in {}",
        found.version,
        found.place.display()
    ));
    Ok(found)
}

async fn from_maven(shelf: &Shelf, tools: &mut Tools, step: &Step) -> Result<Found, Error> {
    let java = match Java::find(&shelf.folder).await {
        Some(java) => java,
        None => Java::provision(shelf, tools, step).await?,
    };
    let mut routes = Routes::new(Kind::Kafka, shelf);
    match Maven::get(tools, &shelf.incoming, &java, step).await {
        Err(tried) => routes.impassable(tried),
        Ok(maven) => {
            let jars = maven.kafka(tools, &shelf.incoming, step).await;
            let found = jars.and_then(|jars| put(shelf, &jars));
            if let Some(found) = routes.take(
                "native, from Maven Central",
                "check the network and run it again",
                found,
            )? {
                return Ok(found);
            }
        }
    }
    Err(routes.none())
}

fn put(shelf: &Shelf, jars: &Path) -> Result<Found, Error> {
    // Made with the jars that are being replaced.
    prepared::forget(shelf)?;
    let version = Release::wanted()?.kafka().version;
    let place = shelf.put(jars, version)?;
    Ok(Found {
        version: version.to_owned(),
        place,
        on_path: false,
    })
}

/// One Kafka, and the Java that runs it.
struct Installation {
    version: String,
    java: Java,
    class_path: OsString,
}

impl Installation {
    /// With the machine's Java, or the cache's, or one that is fetched now: it may have gone since
    /// the jars were fetched.
    async fn of(found: &Found) -> Result<Installation, Error> {
        let root = cache::folder()?;
        let java = match Java::find(&root.join(Kind::Kafka.name())).await {
            Some(java) => java,
            None => fetch_java(&root).await?,
        };
        // One folder, one class cache, by whatever links it was found.
        let place = std::fs::canonicalize(&found.place)
            .map_err(Error::io(format!("find {}", found.place.display())))?;
        let jars = jars(&place)?;
        // A list and not a wildcard: Java keeps no class cache for a class path with a wildcard.
        let class_path = std::env::join_paths(jars).map_err(|_| Error::Io {
            doing: format!(
                "use the jars in {}, whose path holds a colon",
                place.display()
            ),
            source: std::io::ErrorKind::InvalidInput.into(),
        })?;
        Ok(Installation {
            version: found.version.clone(),
            java,
            class_path,
        })
    }

    /// A Java program with Kafka's classes, that leaves nothing outside of `folder`.
    fn program(
        &self,
        folder: &Path,
        output: PathBuf,
        options: &[OsString],
        class: &str,
    ) -> Program {
        let property = |name: &str, value: &Path| {
            let mut property = OsString::from(format!("-D{name}="));
            property.push(value);
            property
        };
        Program::new(&self.java.program, folder, output)
            // Quick to start and small, for one reader: neither an optimising compiler nor
            // collectors with threads of their own. 256 MB is a quarter of Kafka's own setting.
            .args(["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"])
            .args(["-XX:-UsePerfData", "-Djava.awt.headless=true"])
            .arg(property("java.io.tmpdir", folder))
            .arg(property(
                "log4j2.configurationFile",
                &folder.join("log4j2.properties"),
            ))
            .args(options)
            .arg("-cp")
            .arg(&self.class_path)
            .arg(class)
    }
}

async fn fetch_java(root: &Path) -> Result<Java, Error> {
    let shelf = Shelf::lock(Kind::Kafka, root).await?;
    let step = Step::begin("installing Java for Kafka into the cache");
    let mut tools = Tools::new(&shelf.incoming, &shelf.lock)?;
    let java = match Java::find(&shelf.folder).await {
        Some(java) => Ok(java),
        None => Java::provision(&shelf, &mut tools, &step).await,
    };
    tools.close().await?;
    step.end();
    java
}

/// Starts one node, broker and controller at once, that listens on loopback alone.
pub(crate) async fn start(found: &Found, options: &Options) -> Result<Server, Error> {
    let port = ports::choose(Kind::Kafka, options.port)?;
    let installation = Installation::of(found).await?;
    let prepared = Prepared::get(&installation).await?;
    let mut guard = Guard::start(None)?;
    let data = super::data_folder(Kind::Kafka, &mut guard).await?;
    configure(&data, port)?;
    prepared.lay_storage(&data.join("storage"))?;
    let log = data.join("log");
    let server = installation
        .program(&data, log.clone(), &prepared.java_options(), "kafka.Kafka")
        .arg(data.join("server.properties"));
    let plan = Plan {
        kind: Kind::Kafka,
        url: format!("127.0.0.1:{port}"),
        version: found.version.clone(),
        port,
        program: server,
        helpers: Vec::new(),
        log,
        ready: |line| line.contains(READY),
        control: None,
        guard,
    };
    plan.start().await
}

/// Writes what a broker reads at its start.
fn configure(data: &Path, port: u16) -> Result<(), Error> {
    let controller = loop {
        // Nothing listens on `port` yet, so it may be the one that is found.
        let controller = ports::free()?;
        if controller != port {
            break controller;
        }
    };
    let write = |name: &str, text: &str| {
        std::fs::write(data.join(name), text).map_err(Error::io("write Kafka's configuration"))
    };
    write("log4j2.properties", LOGGING)?;
    let settings = settings::of(
        &data.join("storage").to_string_lossy(),
        "127.0.0.1",
        port,
        controller,
    );
    write("server.properties", &settings::properties(&settings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_stands_in_the_name_of_the_brokers_jar() {
        let of = |name: &str| version(Path::new(name));
        assert_eq!(
            of("/opt/kafka/libs/kafka_2.13-4.4.0.jar").as_deref(),
            Some("4.4.0")
        );
        assert_eq!(of("kafka_2.13-4.4.0-test.jar"), None);
        assert_eq!(of("kafka-clients-4.4.0.jar"), None);
    }
}
