//! Broken surroundings: each gives its own message, a non-zero exit, and leaves nothing behind.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::paths::script;
use crate::support::{Held, hold, skip};
use brokers::{Kind, Options};
use rustix::process::Signal;

/// What a program that fails writes to standard error, with what differs from run to run replaced.
fn error_of(command: Command) -> String {
    let held = Held::start(command);
    let folder = held.folder.path().to_string_lossy().into_owned();
    let (status, errors) = held.errors();
    assert_eq!(status.code(), Some(1), "{errors}");
    errors.replace(&folder, "[TMP]")
}

/// An empty folder as the cache, one that has been used as PATH.
fn bare(kind: &str) -> (Command, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("bin")).unwrap();
    let mut command = hold();
    command
        .arg(kind)
        .env("PATH", folder.path().join("bin"))
        .env("BOOK_CACHE", folder.path().join("cache"));
    command.env_remove("JAVA_HOME");
    (command, folder)
}

#[test]
fn nothing_answers_at_the_address() {
    // Port 1 of loopback: nothing listens there, and nothing but root could.
    for (kind, variable, url) in [
        ("nats", "NATS_URL", "nats://127.0.0.1:1"),
        ("rabbitmq", "AMQP_URL", "amqp://shop:secret@127.0.0.1:1/%2f"),
        ("kafka", "KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1"),
    ] {
        let mut command = hold();
        command.arg(kind).env(variable, url);
        insta::assert_snapshot!(format!("unreachable_{kind}"), error_of(command));
    }
}

#[test]
fn the_address_is_malformed() {
    for (number, (kind, variable, url)) in [
        ("rabbitmq", "AMQP_URL", "localhost:5672"),
        ("rabbitmq", "AMQP_URL", "http://guest:guest@localhost"),
        ("rabbitmq", "AMQP_URL", "amqp://guest:guest@localhost/a/b"),
        ("nats", "NATS_URL", "http://localhost:4222"),
        ("kafka", "KAFKA_BOOTSTRAP_SERVERS", "kafka://localhost"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut command = hold();
        command.arg(kind).env(variable, url);
        insta::assert_snapshot!(format!("malformed_{number}"), error_of(command));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_is_wrong_and_the_virtual_host_missing() {
    let options = Options {
        private: true,
        ..Options::default()
    };
    let rabbit = brokers::start(Kind::RabbitMq, options).await.unwrap();
    let port = rabbit
        .url()
        .rsplit(':')
        .next()
        .unwrap()
        .trim_end_matches("/%2f")
        .to_owned();
    for (name, user, vhost) in [
        ("password", "guest:hunter2", "%2f"),
        ("vhost", "guest:guest", "shop"),
    ] {
        let mut command = hold();
        command.arg("rabbitmq").env(
            "AMQP_URL",
            format!("amqp://{user}@127.0.0.1:{port}/{vhost}"),
        );
        let error = error_of(command);
        assert!(!error.contains("hunter2"), "{error}");
        insta::assert_snapshot!(format!("wrong_{name}"), error.replace(&port, "[PORT]"));
    }
    rabbit.stop().await.unwrap();
}

#[test]
fn the_chosen_port_is_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for kind in Kind::ALL {
        let mut command = hold();
        command
            .args([&format!("--port={port}"), kind.name()])
            .env("BROKERS", "native");
        let error = error_of(command).replace(&port.to_string(), "[PORT]");
        insta::assert_snapshot!(format!("port_taken_{}", kind.name()), error);
    }
}

#[test]
fn the_cache_folder_cannot_be_written() {
    // A folder inside a file: nobody can make it, root neither.
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().join("cache");
    let mut command = hold();
    command
        .arg("rabbitmq")
        .env("BROKERS", "native")
        .env("BOOK_CACHE", &path);
    let error = error_of(command).replace(&*path.to_string_lossy(), "[CACHE]");
    insta::assert_snapshot!(error);
}

#[test]
fn no_package_client_and_no_docker() {
    for kind in Kind::ALL {
        let (command, _folder) = bare(kind.name());
        insta::assert_snapshot!(format!("no_client_{}", kind.name()), error_of(command));
    }
}

#[test]
fn an_unknown_source_is_forced() {
    let mut command = hold();
    command.arg("nats").env("BROKERS", "docker");
    insta::assert_snapshot!(error_of(command));
}

#[test]
fn an_external_broker_is_forced_and_none_named() {
    let mut command = hold();
    command.arg("nats").env("BROKERS", "external");
    insta::assert_snapshot!(error_of(command));
}

/// Erlang ends at once without its boot file: a RabbitMQ that dies as it starts.
#[test]
fn the_broker_dies_while_it_starts() {
    let mut command = hold();
    command
        .arg("rabbitmq")
        .env("BROKERS", "native")
        .env("ERL_AFLAGS", "-boot no_such_boot");
    let error = error_of(command);
    assert!(
        error.contains("RabbitMQ ended while it was starting (exit status: 1)"),
        "{error}"
    );
    assert!(
        error.contains("no_such_boot"),
        "the log's last lines tell why: {error}"
    );
}

#[test]
fn the_broker_on_path_is_too_old_and_passed_over() {
    let (command, folder) = bare("nats");
    let bin = folder.path().join("bin");
    script(&bin, "nats-server", "echo nats-server: v2.9.10");
    let error = error_of(command);
    insta::assert_snapshot!(error.replace(&*bin.to_string_lossy(), "[BIN]"));
}

#[test]
fn the_external_broker_is_too_old() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let old = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client
            .write_all(b"INFO {\"version\":\"2.9.10\",\"max_payload\":1048576}\r\n")
            .unwrap();
        let mut said = [0; 4096];
        let mut length = 0;
        while !said[..length].windows(6).any(|word| word == b"PING\r\n") {
            length += client.read(&mut said[length..]).unwrap();
        }
        client.write_all(b"PONG\r\n").unwrap();
    });
    let mut command = hold();
    command
        .arg("nats")
        .env("NATS_URL", format!("nats://127.0.0.1:{port}"));
    insta::assert_snapshot!(error_of(command));
    old.join().unwrap();
}

/// `sh -c SCRIPT sh CACHE hold` as root of a mount namespace of its own, whose mounts go with it.
/// `None`, and a line that says so, where this user may have none.
fn in_a_mount_namespace(script: &str, cache: &Path) -> Option<Command> {
    let probe = "mount -t tmpfs none /mnt && umount /mnt";
    let namespace = ["--mount", "--user", "--map-root-user"];
    let works = Command::new("unshare")
        .args(namespace)
        .args(["sh", "-c", probe])
        .output();
    if !works.is_ok_and(|probe| probe.status.success()) {
        skip(
            "no mount namespaces for this user",
            "sysctl kernel.unprivileged_userns_clone=1",
        );
        return None;
    }
    let mut command = Command::new("unshare");
    command
        .args(namespace)
        .args(["sh", "-c", script, "sh"])
        .arg(cache)
        .arg(hold().get_program())
        .env("BOOK_CACHE", cache)
        .env("BROKERS", "native")
        .env_remove("AMQP_URL");
    Some(command)
}

/// A file system of 170 MB is enough for the download and too small to unpack it.
#[test]
fn the_disk_is_full_at_unpack() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    fs::create_dir(&cache).unwrap();
    let script = "mount -t tmpfs -o size=170m none \"$1\" && exec \"$2\" rabbitmq";
    let Some(command) = in_a_mount_namespace(script, &cache) else {
        return;
    };
    let error = error_of(command).replace(&*cache.to_string_lossy(), "[CACHE]");
    assert!(
        error.contains("Error: the disk is full: `dpkg-deb -x"),
        "{error}"
    );
    assert!(error.contains("Nothing half-installed was left"), "{error}");
}

/// With so little room RabbitMQ starts and takes no message.
#[tokio::test]
async fn the_disk_is_full_where_rabbitmq_keeps_its_data() {
    crate::paths::installed(Kind::RabbitMq).await;
    let cache = tempfile::tempdir().unwrap();
    brokers::cache::lend(cache.path()).unwrap();
    let script = "mount -t tmpfs -o size=60m none \"$TMPDIR\" && exec \"$2\" rabbitmq";
    if let Some(command) = in_a_mount_namespace(script, cache.path()) {
        insta::assert_snapshot!(error_of(command));
    }
}

/// RabbitMQ's scripts cannot stand a space in their path, so it is kept in /var/tmp then. Here that
/// is a file system of the namespace's own, with the installed versions of the user's cache in it.
#[tokio::test]
async fn rabbitmq_is_kept_elsewhere_where_the_cache_path_has_a_space() {
    let installed = crate::paths::installed(Kind::RabbitMq).await;
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("my cache");
    let script = "mount -t tmpfs none /var/tmp && kept=/var/tmp/messaging-book-0 && \
                  mkdir -m 700 $kept $kept/rabbitmq && ln -s \"$INSTALLED\" $kept/rabbitmq/ && \
                  exec \"$2\" rabbitmq";
    let Some(mut command) = in_a_mount_namespace(script, &cache) else {
        return;
    };
    command.env("INSTALLED", &installed);
    let held = Held::start(command);
    let (url, _) = held.ready();
    assert!(url.starts_with("amqp://guest:guest@127.0.0.1:"), "{url}");
    held.signal(Signal::TERM);
    let (status, told) = held.errors();
    assert!(status.success(), "{told}");
    assert!(!told.contains("installed"), "{told}");
    assert!(!cache.join("rabbitmq").exists());
}
