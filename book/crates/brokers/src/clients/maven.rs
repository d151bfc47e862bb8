//! Jars of Maven Central: Maven downloads and checks them, in a local repository of its own.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::apt::{self, Apt, Archive};
use super::java::Java;
use super::{Tools, on_path, trust};
use crate::pins::{Kafka, MAVEN_DEPENDENCY_PLUGIN};
use crate::progress::Step;
use crate::release::Release;
use crate::{Error, Tried};

/// About how many files Maven brings: Kafka's jars, their descriptions, and Maven's own plugin.
const FILES: usize = 360;

/// A Maven, and the Java that it runs on where that is not its own choice.
pub(crate) struct Maven {
    program: PathBuf,
    java: Option<PathBuf>,
}

impl Maven {
    /// The one on PATH, or one from the packages of this machine's system, unpacked into `folder`
    /// for this one use.
    pub(crate) async fn get(
        tools: &mut Tools,
        folder: &Path,
        java: &Java,
        step: &Step,
    ) -> Result<Maven, Tried> {
        let program = match on_path("mvn") {
            Some(program) => program,
            None => by_apt(tools, folder, step).await?,
        };
        Ok(Maven {
            program,
            java: java.cached.clone(),
        })
    }

    /// Copies Kafka's jars, and what they need, into `folder/jars`, which it gives.
    ///
    /// # Errors
    /// [`Error::Tool`] when Maven fails, and when a jar is not the one that is known.
    pub(crate) async fn kafka(
        &self,
        tools: &mut Tools,
        folder: &Path,
        step: &Step,
    ) -> Result<PathBuf, Error> {
        let io = || Error::io(format!("write in {}", folder.display()));
        let kafka = Release::wanted()?.kafka();
        std::fs::write(folder.join("pom.xml"), project(kafka)).map_err(io())?;
        let jars = folder.join("jars");
        let option = |name: &str, value: &Path| format!("-D{name}={}", value.display());
        let mut options = std::env::var("MAVEN_OPTS").unwrap_or_default();
        // What a killed Java leaves belongs into the tools' folder, which goes with it. A relative
        // path, since this variable is split at spaces.
        options.push_str(" -XX:-UsePerfData -Djava.io.tmpdir=.");
        let mut copy = tools
            .program(&self.program)
            .args([
                "--batch-mode",
                "--strict-checksums",
                &format!("{MAVEN_DEPENDENCY_PLUGIN}:copy-dependencies"),
            ])
            .arg(option("outputDirectory", &jars))
            .arg(option("maven.repo.local", &folder.join("repository")));
        if let Some(java) = &self.java {
            copy = copy.env("JAVA_HOME", java);
            let store = folder.join("trusted.jks");
            if trust::write_store(&store).map_err(io())? {
                copy = copy.arg(option("javax.net.ssl.trustStore", &store));
                copy = copy.arg("-Djavax.net.ssl.trustStoreType=JKS");
            }
        }
        let told = format!(
            "mvn dependency:copy-dependencies for Kafka {}",
            kafka.version
        );
        step.detail("downloading 43 MB with Maven");
        tools
            .watch(copy.env("MAVEN_OPTS", options), &told, |printed| {
                let files = printed.matches("Downloaded from").count();
                let percent = (files * 100 / FILES).min(99);
                step.detail(&format!("downloading 43 MB with Maven, {percent} %"));
            })
            .await?;
        let found = digest(&jars).map_err(Error::io("read Kafka's jars"))?;
        if found != kafka.jars {
            return Err(Error::Tool {
                command: told,
                reason: format!(
                    "the jars are not those that are known (SHA-256 {found} instead of {})",
                    kafka.jars
                ),
                tail: Vec::new(),
            });
        }
        Ok(jars)
    }
}

/// Maven from the system's packages. They are Java archives and one shell script, so they run from
/// any folder once their absolute links point into it.
async fn by_apt(tools: &mut Tools, folder: &Path, step: &Step) -> Result<PathBuf, Tried> {
    let what = "native, from Maven Central";
    let apt = Apt::of_host(what).map_err(|tried| Tried {
        why: format!("there is no mvn on PATH, and {}", tried.why),
        fix: "install Maven".into(),
        ..tried
    })?;
    unpack(&apt, tools, folder, step)
        .await
        .map_err(|error| Tried {
            what: what.into(),
            why: format!("there is no mvn on PATH, and the package maven does not serve: {error}"),
            fix: "install Maven (Debian: apt-get install maven)".into(),
        })
}

async fn unpack(
    apt: &Apt,
    tools: &mut Tools,
    folder: &Path,
    step: &Step,
) -> Result<PathBuf, Error> {
    let packages = apt
        .download(
            tools,
            &folder.join("maven-apt"),
            Archive::Host,
            &["maven"],
            step,
        )
        .await?;
    let root = folder.join("maven");
    step.detail("unpacking Maven");
    for package in &packages {
        let name = apt::package_name(package);
        if name == "maven" || (name.starts_with("lib") && name.ends_with("-java")) {
            apt.unpack(tools, package, &root).await?;
        }
    }
    apt::relink(&root, &root)?;
    Ok(root.join("usr/share/maven/bin/mvn"))
}

/// A project that depends on exactly these two.
fn project(kafka: &Kafka) -> String {
    let dependency = |group: &str, artifact: &str, version: &str| {
        format!(
            "    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>\n"
        )
    };
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  <modelVersion>4.0.0</modelVersion>\n  \
         <groupId>messaging-book</groupId><artifactId>kafka</artifactId><version>1</version>\n  \
         <dependencies>\n{}{}  </dependencies>\n</project>\n",
        dependency("org.apache.kafka", "kafka_2.13", kafka.version),
        dependency("org.apache.logging.log4j", "log4j-slf4j-impl", kafka.log4j),
    )
}

/// The SHA-256 over the lines `NAME SHA256` of all files in a folder, in order of name.
fn digest(folder: &Path) -> std::io::Result<String> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    let mut list = Sha256::new();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        list.update(format!(
            "{name} {}\n",
            hex(&Sha256::digest(std::fs::read(&file)?))
        ));
    }
    Ok(hex(&list.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_covers_names_and_contents() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
        file("b.jar", "two")?;
        file("a.jar", "one")?;
        let both = digest(folder.path())?;
        assert_eq!(both.len(), 64);
        file("b.jar", "three")?;
        assert_ne!(digest(folder.path())?, both);
        file("b.jar", "two")?;
        assert_eq!(digest(folder.path())?, both);
        std::fs::rename(folder.path().join("b.jar"), folder.path().join("c.jar"))?;
        assert_ne!(digest(folder.path())?, both);
        Ok(())
    }
}
