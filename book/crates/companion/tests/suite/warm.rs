//! `cargo book up`, `down` and `status`, on real brokers.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use crate::common::Repository;
use crate::common::cache::Cache;
use crate::common::program::{Running, runs, stderr, stdout, until};
use rustix::process::Signal;

/// `cargo book` with this cache, outside of any repository.
fn with(cache: &Cache, arguments: &[&str]) -> Command {
    let mut command = cache.book(&Repository::new(), arguments);
    command.current_dir("/");
    command
}

fn run(cache: &Cache, arguments: &[&str]) -> Output {
    with(cache, arguments).output().unwrap()
}

fn up(cache: &Cache, arguments: &[&str]) -> Running {
    Running::start(&mut with(cache, &[&["up"], arguments].concat()))
}

/// The process of a warm broker.
fn pid(cache: &Cache, broker: &str) -> u32 {
    let pid = cache.state().unwrap()[broker]["pid"].as_u64().unwrap();
    pid.try_into().unwrap()
}

#[test]
fn all_three_are_kept_until_down() {
    let cache = Cache::new();
    let mut up = up(&cache, &[]);
    up.line("Ctrl-C ends them");
    let pids = ["nats", "rabbitmq", "kafka"].map(|broker| pid(&cache, broker));
    assert!(pids.iter().all(|&pid| runs(pid)));
    let mode = std::fs::metadata(cache.path().join("warm.json"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let status = stdout(&run(&cache, &["status"]));
    assert!(
        status.contains(&format!("kept by process {} since ", up.pid())),
        "{status}"
    );
    for (pid, url) in pids.iter().zip([
        "nats://127.0.0.1:",
        "amqp://guest:guest@127.0.0.1:",
        "127.0.0.1:",
    ]) {
        let line = status
            .lines()
            .find(|line| line.ends_with(&format!("process {pid}")));
        assert!(line.unwrap().contains(url), "{status}");
    }
    assert!(
        status.contains("  RabbitMQ  warm\n  Kafka     warm"),
        "{status}"
    );

    // A virtual host that a listing has used and given back is made anew.
    let host = cache.path().join("warm/vhost-01.lock");
    std::fs::write(&host, "used").unwrap();
    until("the virtual host is clean", || {
        (std::fs::read_to_string(&host).unwrap() == "clean").then_some(())
    });

    let second = run(&cache, &["up"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains(&format!("kept already, by process {}", up.pid())));

    let down = run(&cache, &["down"]);
    assert_eq!(stdout(&down), "the warm brokers are gone\n");
    assert!(down.status.success());
    assert_eq!(up.end().code(), Some(0));
    assert!(!pids.iter().any(|&pid| runs(pid)), "a broker is left");
    assert_eq!(cache.state(), None);
    assert!(stdout(&run(&cache, &["status"])).starts_with("warm brokers: none"));
}

#[test]
fn serve_keeps_them_too_where_it_is_asked_to() {
    let (cache, repository) = (Cache::new(), Repository::new());
    let serve = |more: &[&str]| {
        let arguments = [&["serve", "--no-open", "--port", "0"], more].concat();
        Running::start(with(&cache, &arguments).current_dir(repository.path()))
    };
    let mut cold = serve(&[]);
    cold.line("the book is at");
    assert_eq!(cache.state(), None, "no broker without --warm");
    drop(cold);

    let mut warm = serve(&["--warm"]);
    for broker in ["ready  NATS", "ready  RabbitMQ", "ready  Kafka"] {
        warm.line(broker);
    }
    let pids = ["nats", "rabbitmq", "kafka"].map(|broker| pid(&cache, broker));
    let mut second = serve(&["--warm"]);
    second.line(&format!(
        "warm brokers are kept already, by process {}",
        warm.pid()
    ));
    second.signal(Signal::TERM);
    assert_eq!(second.end().code(), Some(0));
    assert!(
        pids.iter().all(|&pid| runs(pid)),
        "the second ends none of the first's"
    );

    assert_eq!(
        stdout(&run(&cache, &["down"])),
        "the warm brokers are gone\n"
    );
    assert_eq!(warm.end().code(), Some(0));
    assert!(!pids.iter().any(|&pid| runs(pid)), "a broker is left");
    assert_eq!(cache.state(), None);
}

#[test]
fn where_nothing_runs_down_says_so() {
    let down = run(&Cache::new(), &["down"]);
    assert_eq!(
        (down.status.code(), stdout(&down).as_str()),
        (Some(0), "no warm brokers run\n")
    );
}

#[test]
fn each_signal_ends_the_brokers() {
    let cache = Cache::new();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut up = up(&cache, &["nats"]);
        up.line("ready  NATS 2.");
        up.line("Ctrl-C ends them");
        let nats = pid(&cache, "nats");
        up.signal(signal);
        assert_eq!(up.end().code(), Some(0), "{signal:?}");
        assert!(!runs(nats));
        assert_eq!(cache.state(), None);
    }
}

#[test]
fn after_kill_9_nothing_is_left_and_up_starts_again() {
    let cache = Cache::new();
    let mut first = up(&cache, &["nats"]);
    first.line("Ctrl-C ends them");
    let nats = pid(&cache, "nats");
    first.signal(Signal::KILL);
    first.end();
    until("the broker is gone", || (!runs(nats)).then_some(()));
    assert!(cache.state().is_some(), "nobody was left to remove it");
    assert!(stdout(&run(&cache, &["status"])).starts_with("warm brokers: none"));
    assert_eq!(stdout(&run(&cache, &["down"])), "no warm brokers run\n");
    let mut second = up(&cache, &["nats"]);
    second.line("Ctrl-C ends them");
    assert_eq!(cache.state().unwrap()["pid"], second.pid());
}

#[test]
fn a_state_file_of_another_process_with_that_number_is_stale() {
    let cache = Cache::new();
    // This test's own process: the number is alive, the start time is another one.
    let stale = serde_json::json!({
        "pid": std::process::id(),
        "start_time": "1",
        "nats": { "url": "nats://127.0.0.1:1", "version": "2.15.1", "pid": 1 },
    });
    std::fs::write(cache.path().join("warm.json"), stale.to_string()).unwrap();
    assert!(stdout(&run(&cache, &["status"])).starts_with("warm brokers: none"));
    assert_eq!(stdout(&run(&cache, &["down"])), "no warm brokers run\n");
    let mut up = up(&cache, &["nats"]);
    up.line("Ctrl-C ends them");
    assert_eq!(cache.state().unwrap()["pid"], up.pid());
}

#[test]
fn one_that_does_not_start_leaves_the_others_up() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let cache = Cache::new();
    let mut up = up(&cache, &["nats", "kafka", "--kafka-port", &port]);
    up.line(&format!("error: port {port} for Kafka is taken"));
    up.line("Ctrl-C ends them");
    assert!(cache.state().unwrap().get("kafka").is_none());
    let nats = pid(&cache, "nats");
    assert!(runs(nats));
    up.signal(Signal::TERM);
    assert_eq!(
        up.end().code(),
        Some(1),
        "the end tells of the one that did not start"
    );
    assert!(!runs(nats));
}

#[test]
fn where_none_starts_up_fails_at_once() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let cache = Cache::new();
    let output = run(&cache, &["up", "nats", "--nats-port", &port]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).ends_with("error: no broker started\n"),
        "{}",
        stderr(&output)
    );
    assert_eq!(cache.state(), None);
}

#[test]
fn a_chosen_port_is_used() {
    // Below the range from which systems take the ports of outgoing connections.
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let port = (31_000..32_000).find(free).unwrap().to_string();
    let cache = Cache::new();
    let mut up = up(&cache, &["nats", "--nats-port", &port]);
    up.line(&format!("nats://127.0.0.1:{port}"));
}

#[test]
fn down_tells_what_it_could_not_end() {
    let cache = Cache::new();
    let mut up = up(&cache, &["nats"]);
    up.line("Ctrl-C ends them");
    let nats = pid(&cache, "nats");
    up.signal(Signal::STOP);
    let down = run(&cache, &["down"]);
    assert_eq!(down.status.code(), Some(1));
    let expected = format!(
        "error: after 10 s these processes still run: cargo book ({}), NATS ({nats})\n",
        up.pid()
    );
    assert_eq!(stderr(&down), expected);
    up.signal(Signal::CONT);
    assert_eq!(up.end().code(), Some(0), "the signal was only late");
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let cache = Cache::new();
    let file = cache.path().join("file");
    std::fs::write(&file, "").unwrap();
    for command in ["up", "down", "status", "refresh"] {
        let output = with(&cache, &[command])
            .env("BOOK_CACHE", &file)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{command}");
        assert!(
            stderr(&output).contains("cannot be written"),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn an_unknown_broker_is_refused() {
    let output = run(&Cache::new(), &["up", "rabbit"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("a similar value exists: 'rabbitmq'"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn where_nothing_is_cached_refresh_installs_nothing() {
    let empty = tempfile::tempdir().unwrap();
    let output = with(&Cache::new(), &["refresh"])
        .env("BOOK_CACHE", empty.path())
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(
        stdout(&output).contains("the cache has no broker yet"),
        "{}",
        stdout(&output)
    );
    assert!(!empty.path().join("nats").exists());
}

#[test]
fn refresh_installs_the_current_version() {
    let folder = tempfile::tempdir().unwrap();
    let output = with(&Cache::new(), &["refresh", "nats"])
        .env("BOOK_CACHE", folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let first = stdout(&output);
    assert!(first.starts_with("NATS 2."), "{first}");
    let output = with(&Cache::new(), &["refresh"])
        .env("BOOK_CACHE", folder.path())
        .output()
        .unwrap();
    assert_eq!(
        stdout(&output),
        format!("{}, as before\n", first.trim_end())
    );
}
