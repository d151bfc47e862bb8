//! A tap in front of a broker: the program goes where it says, and the broker stays the program's.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread::JoinHandle;

use rustix::process::Signal;

use crate::support::{Held, hold};

/// Answers one question with this, and gives the question.
fn tap(answer: &'static str) -> (Command, JoinHandle<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut question = String::new();
        let mut from = BufReader::new(stream.try_clone().unwrap());
        from.read_line(&mut question).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        question
    });
    let mut command = hold();
    command.arg("nats");
    command.env("BOOK_TAP", format!("127.0.0.1:{port}/open-sesame"));
    (command, asked)
}

#[test]
fn the_program_gets_the_taps_address_and_keeps_its_broker() {
    let (command, asked) = tap("ok nats://127.0.0.1:7\n");
    let mut held = Held::start(command);
    let (url, pid) = held.ready();
    assert_eq!(url, "nats://127.0.0.1:7");
    assert_ne!(pid, "-");
    let question = asked.join().unwrap();
    let address = question.strip_prefix("open-sesame nats nats://127.0.0.1:");
    let port: u16 = address.unwrap().trim_end().parse().unwrap();
    assert_ne!(port, 7);

    // The same port, so nothing is asked again.
    let orders = held.child.stdin.as_mut().unwrap();
    orders.write_all(b"kill\nrestart\n").unwrap();
    assert_eq!(
        (held.line().as_str(), held.line().as_str()),
        ("done", "done")
    );
    std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    held.signal(Signal::TERM);
    assert_eq!(held.line(), "stopped");
    assert!(held.wait().success());
}

#[test]
fn a_tap_that_gives_no_address_is_one_clear_error() {
    for (answer, why) in [
        (
            "no only a broker on this machine\n",
            "only a broker on this machine",
        ),
        (
            "HTTP/1.1 400 Bad Request\r\n",
            "what answers there is no tap",
        ),
        ("", "what answers there is no tap"),
    ] {
        let (command, asked) = tap(answer);
        let (status, errors) = Held::start(command).errors();
        asked.join().unwrap();
        assert_eq!(status.code(), Some(1));
        let error = errors
            .lines()
            .find(|line| line.starts_with("Error: "))
            .unwrap();
        assert!(
            error.starts_with("Error: there is no tap in front of NATS: "),
            "{error}"
        );
        assert!(error.ends_with(&format!("that says: {why}")), "{error}");
        assert!(
            errors.ends_with("  Unset BOOK_TAP to run without one.\n"),
            "{errors}"
        );
    }
}

#[test]
fn a_tap_that_nobody_keeps_is_told() {
    for (value, why) in [
        ("127.0.0.1:1/open-sesame", "BOOK_TAP names 127.0.0.1:1, "),
        ("192.0.2.1:80/open-sesame", "BOOK_TAP=... is not a setting"),
    ] {
        let mut command = hold();
        command.arg("nats").env("BOOK_TAP", value);
        let (status, errors) = Held::start(command).errors();
        assert_eq!(status.code(), Some(1));
        assert!(errors.contains(why), "{errors}");
        assert!(!errors.contains("sesame"), "{errors}");
    }
}
