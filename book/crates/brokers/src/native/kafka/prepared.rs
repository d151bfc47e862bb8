//! What is made once for a Kafka and a Java, so that a broker is ready in half the time: an empty
//! formatted storage folder, which saves a start of Java, and the class cache, which saves loading
//! 7,700 classes out of 45 jars.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use sha2::{Digest, Sha256};

use super::{Installation, READY, configure};
use crate::cache::{self, Shelf};
use crate::clients::{Tools, disk_full, is_full};
use crate::guard::Guard;
use crate::kind::at_least;
use crate::process::{length, tail};
use crate::progress::{Step, note};
use crate::{Error, Kind, ports};

/// Folders of the shelf with this in front.
const PREFIX: &str = "prepared-";

/// The identity of every cluster that is started here: 22 characters of base64url. Each has one
/// node and never meets another, so they may share it.
const CLUSTER: &str = "bookbookbookbookbookbw";

/// How long a broker may take to start without a class cache, and to end and write one.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder of the cache with `storage` and, where Java could make one, a class cache.
pub(super) struct Prepared {
    folder: PathBuf,
}

impl Prepared {
    /// The one for this installation; makes it where there is none.
    pub(super) async fn get(installation: &Installation) -> Result<Prepared, Error> {
        let root = cache::folder()?;
        let name = name(installation);
        let folder = root.join(Kind::Kafka.name()).join(&name);
        if folder.exists() {
            return Ok(Prepared { folder });
        }
        let shelf = Shelf::lock(Kind::Kafka, &root).await?;
        // Whoever held the lock may have made it.
        if !folder.exists() {
            let step = Step::begin(format!(
                "preparing Kafka {} for quick starts, once, about 10 s",
                installation.version
            ));
            let made = make(installation, &shelf, &name, &step).await;
            step.end();
            if made.is_err() {
                let _ = std::fs::remove_dir_all(&shelf.incoming);
            }
            made?;
        }
        Ok(Prepared { folder })
    }

    /// Puts a formatted storage folder where a broker will look for it.
    pub(super) fn lay_storage(&self, to: &Path) -> Result<(), Error> {
        copy_folder(&self.folder.join("storage"), to).map_err(Error::io("lay out Kafka's storage"))
    }

    /// The options with which Java uses the class cache. One that does not fit is passed over by
    /// Java itself.
    pub(super) fn java_options(&self) -> Vec<OsString> {
        let caches = [
            ("-XX:AOTCache=", AHEAD_OF_TIME),
            ("-XX:SharedArchiveFile=", ARCHIVE),
        ];
        caches
            .into_iter()
            .filter(|(_, file)| self.folder.join(file).exists())
            .map(|(option, file)| with_path(option, &self.folder.join(file)))
            .collect()
    }
}

/// The class cache of Java 25 and newer (JEP 514), and that of older ones (JEP 350).
const AHEAD_OF_TIME: &str = "classes.aot";
const ARCHIVE: &str = "classes.jsa";

fn with_path(option: &str, path: &Path) -> OsString {
    let mut option = OsString::from(option);
    option.push(path);
    option
}

/// Removes what was prepared with other jars.
pub(super) fn forget(shelf: &Shelf) -> Result<(), Error> {
    let entries =
        std::fs::read_dir(&shelf.folder).map_err(Error::io("list Kafka's part of the cache"))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            std::fs::remove_dir_all(entry.path())
                .map_err(Error::io("tidy Kafka's part of the cache"))?;
        }
    }
    Ok(())
}

/// `prepared-4.4.0-17.0.15-1f2e3d4c`: a class cache fits one class path and one build of Java.
fn name(installation: &Installation) -> String {
    let java = std::fs::canonicalize(&installation.java.program);
    let java = java.unwrap_or_else(|_| installation.java.program.clone());
    let build = java
        .parent()
        .and_then(Path::parent)
        .map(|home| home.join("release"));
    let build = build
        .and_then(|release| std::fs::read(release).ok())
        .unwrap_or_default();
    let mut identity = Sha256::new();
    for part in [
        java.as_os_str().as_encoded_bytes(),
        &build,
        installation.class_path.as_encoded_bytes(),
    ] {
        identity.update(part);
        identity.update([0]);
    }
    let mut name = format!(
        "{PREFIX}{}-{}-",
        installation.version, installation.java.version
    );
    for byte in &identity.finalize()[..4] {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

async fn make(
    installation: &Installation,
    shelf: &Shelf,
    name: &str,
    step: &Step,
) -> Result<(), Error> {
    let work = shelf.incoming.join("work");
    let ready = shelf.incoming.join("ready");
    for folder in [&work, &ready] {
        std::fs::create_dir_all(folder).map_err(Error::io("make a folder in the cache"))?;
    }
    configure(&work, ports::free()?)?;
    step.detail("formatting storage");
    format_storage(installation, shelf, &work).await?;
    copy_folder(&work.join("storage"), &ready.join("storage"))
        .map_err(Error::io("keep formatted storage"))?;
    step.detail("writing a class cache");
    let mut written = write_classes(installation, shelf, &work, &ready).await;
    if written.is_err() {
        // Another program may have taken its port; once more, with other ports and fresh storage.
        configure(&work, ports::free()?)?;
        std::fs::remove_dir_all(work.join("storage"))
            .and_then(|()| copy_folder(&ready.join("storage"), &work.join("storage")))
            .map_err(Error::io("lay out Kafka's storage"))?;
        written = write_classes(installation, shelf, &work, &ready).await;
    }
    if let Err(error) = written {
        if is_full(&shelf.incoming) {
            // What is put in its place now would stay so.
            return Err(disk_full("making Kafka's class cache", &shelf.incoming));
        }
        // Kafka starts without one as well.
        note(&format!(
            "no class cache, so Kafka takes longer to start: {error}"
        ));
        for file in [AHEAD_OF_TIME, ARCHIVE] {
            let _ = std::fs::remove_file(ready.join(file));
        }
    }
    shelf.put(&ready, name).map(|_| ())
}

async fn format_storage(
    installation: &Installation,
    shelf: &Shelf,
    work: &Path,
) -> Result<(), Error> {
    let mut tools = Tools::new(work, &shelf.lock)?;
    let format = installation
        .program(work, work.join("output"), &[], "kafka.tools.StorageTool")
        .args(["format", "--cluster-id", CLUSTER, "--config"])
        .arg(work.join("server.properties"));
    let formatted = tools.run(format, "kafka.tools.StorageTool format").await;
    tools.close().await?;
    formatted.map(|_| ())
}

/// Starts a broker and ends it: at its end Java writes what it has learned.
async fn write_classes(
    installation: &Installation,
    shelf: &Shelf,
    work: &Path,
    ready: &Path,
) -> Result<(), Error> {
    let (option, file) = if at_least(&installation.java.version, "25") {
        ("-XX:AOTCacheOutput=", AHEAD_OF_TIME)
    } else {
        ("-XX:ArchiveClassesAtExit=", ARCHIVE)
    };
    let log = work.join("log");
    let option = with_path(option, &ready.join(file));
    let broker = installation
        .program(work, log.clone(), &[option], "kafka.Kafka")
        .arg(work.join("server.properties"));
    let from = length(&log);
    let mut guard = Guard::start(Some(&shelf.lock))?;
    let written = async {
        let mut running = broker.launch(&mut guard).await?;
        let is_ready = |line: &str| line.contains(READY).then_some(());
        running
            .wait_for_line(Kind::Kafka, &log, from, PATIENCE, is_ready)
            .await?;
        running.signal(Signal::TERM)?;
        let ended = tokio::time::timeout(PATIENCE, running.reap(&mut guard)).await;
        ended.map_err(|_| Error::NotReady {
            kind: Kind::Kafka,
            after: PATIENCE,
            tail: tail(&log),
        })?
    }
    .await;
    guard.close().await?;
    written?;
    if ready.join(file).exists() {
        return Ok(());
    }
    Err(Error::Tool {
        command: "java".into(),
        reason: "it wrote none".into(),
        tail: tail(&log),
    })
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
