//! What a hostile page or program may try on the server to have something run.

use std::io::{Read, Write};

use serde_json::json;

use crate::common::http::Answer;
use crate::common::page::Stage;

/// A stage whose listing leaves a trace.
fn stage() -> Stage {
    Stage::new("echo ran > ran; echo 'shop  sent o-1'")
}

/// Nothing was built or run by what came before, and the server still serves and runs.
fn unharmed(stage: &Stage) {
    assert!(!stage.repository.has("ran"), "the listing ran");
    assert!(!stage.repository.has("calls"), "cargo was called");
    assert_eq!(stage.server.ask("GET /", &[]).status, 200);
    assert_eq!(stage.run().end()["code"], 0);
    assert!(stage.repository.has("ran"), "what is allowed runs");
}

const GOOD: &str = r#"{"listing":"ch01-x"}"#;

/// Sends a good request for a run, but for these headers in place of the good ones.
fn with(stage: &Stage, headers: [Option<&str>; 3]) -> Answer {
    let good = stage.headers();
    let headers: Vec<&str> = good
        .iter()
        .zip(headers)
        .map(|(good, other)| other.unwrap_or(good))
        .filter(|header| !header.is_empty())
        .collect();
    stage.server.send("POST /-/run", &headers, GOOD)
}

#[test]
fn another_sites_page_runs_nothing() {
    let stage = stage();
    let port = stage.server.port;
    let localhost = format!("Origin: http://localhost:{port}");
    let secure = format!("Origin: https://127.0.0.1:{port}");
    let longer = format!("Origin: http://127.0.0.1:{port}.evil.example");
    let slash = format!("Origin: http://127.0.0.1:{port}/");
    for origin in [
        "Origin: http://evil.example",
        "Origin: null",
        "Origin: ",
        "Origin: http://127.0.0.1",
        "Origin: http://127.0.0.1:1",
        "Origin: file://",
        &localhost,
        &secure,
        &longer,
        &slash,
        "",
    ] {
        let answer = with(&stage, [Some(origin), None, None]);
        assert_eq!(answer.status, 403, "{origin}");
        assert!(answer.body.ends_with(".\n"), "{origin} is told why");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let stopped = [
        "Origin: http://evil.example",
        &stage.headers()[1],
        &stage.headers()[2],
    ];
    assert_eq!(
        stage
            .server
            .send("POST /-/stop", &stopped, "{\"run\":1}")
            .status,
        403
    );
    unharmed(&stage);
}

#[test]
fn two_origins_or_hosts_are_none() {
    let stage = stage();
    let good = stage.headers();
    for more in [
        &good[0],
        "Origin: http://evil.example",
        "Host: 127.0.0.1:PORT",
        "Host: evil.example",
    ] {
        let headers = [&good[0], &good[1], &good[2], more];
        let answer = stage.server.send("POST /-/run", &headers, GOOD);
        assert!(
            [400, 403].contains(&answer.status),
            "{more}: {}",
            answer.status
        );
    }
    unharmed(&stage);
}

#[test]
fn a_rebound_name_runs_nothing() {
    let stage = stage();
    let port = stage.server.port;
    for host in [
        "rebound.example".to_owned(),
        format!("rebound.example:{port}"),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{port}.rebound.example"),
        format!("[::1]:{port}"),
        format!("0.0.0.0:{port}"),
    ] {
        let head = format!("POST /-/run HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}");
        let good = stage.headers();
        let answer = stage.server.raw(&format!(
            "{head}\r\nConnection: close\r\n{}\r\n{}\r\nContent-Length: {}\r\n\r\n{GOOD}",
            good[1],
            good[2],
            GOOD.len()
        ));
        assert_eq!(answer.status, 403, "{host}");
    }
    unharmed(&stage);
}

#[test]
fn a_missing_stale_or_forged_cookie_runs_nothing() {
    let stage = stage();
    let other = self::stage();
    let port = stage.server.port;
    // A cookie of an earlier server on this port has this name and another secret.
    let secret = other.headers()[1].split_once('=').unwrap().1.to_owned();
    let stale = format!("Cookie: book-{port}={secret}");
    let ticket = format!("Cookie: book-{port}={}", stage.server.ticket);
    let empty = format!("Cookie: book-{port}=");
    let theirs = other.headers()[1].clone();
    for cookie in ["", "Cookie: ", &stale, &ticket, &empty, &theirs] {
        let answer = with(&stage, [None, Some(cookie), None]);
        assert_eq!(answer.status, 403, "{cookie}");
        assert!(answer.body.contains("the address that the terminal shows"));
    }
    unharmed(&stage);
}

/// A page of another site can send these without asking the browser first.
#[test]
fn a_form_or_plain_text_runs_nothing() {
    let stage = stage();
    for kind in [
        "",
        "Content-Type: text/plain",
        "Content-Type: text/plain; charset=application/json",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Type: multipart/form-data; boundary=x",
        "Content-Type: application/json-seq",
        "Content-Type: text/json",
    ] {
        let answer = with(&stage, [None, None, Some(kind)]);
        assert_eq!(answer.status, 415, "{kind}");
    }
    unharmed(&stage);
}

#[test]
fn only_a_post_runs() {
    let stage = stage();
    let headers = stage.headers();
    let headers = headers.each_ref().map(String::as_str);
    for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        for path in ["/-/run", "/-/run?listing=ch01-x", "/-/stop"] {
            let answer = stage.server.ask(&format!("{method} {path}"), &headers);
            assert_eq!(answer.status, 405, "{method} {path}");
        }
    }
    let with_body = stage.server.send("GET /-/run", &headers, GOOD);
    assert_eq!(with_body.status, 400);
    unharmed(&stage);
}

#[test]
fn a_cross_site_web_socket_opens_nothing() {
    let stage = stage();
    for (origin, status) in [
        ("Origin: http://evil.example", 403),
        (&*stage.headers()[0], 405),
    ] {
        let answer = stage.server.ask(
            "GET /-/run",
            &[
                origin,
                "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            ],
        );
        assert_eq!(answer.status, status, "{origin}");
    }
    unharmed(&stage);
}

#[test]
fn only_a_listing_of_the_catalogue_has_a_name() {
    let stage = stage();
    stage
        .repository
        .write("outside/Cargo.toml", "[package]\nname = \"outside\"\n");
    for name in [
        "",
        ".",
        "..",
        "ch01-y",
        "CH01-X",
        "ch01-x/",
        "./ch01-x",
        "../chapters/ch01-x",
        "../outside",
        "../../etc/passwd",
        "/etc/passwd",
        "%2e%2e%2foutside",
        "..\\outside",
        "ch01-x\0",
        "ch01-x\n",
        "ch01-x --bin other",
        "--help",
        "$(touch ran)",
        "; touch ran",
    ] {
        let answer = stage.post("/-/run", &json!({"listing": name}).to_string());
        assert_eq!(answer.status, 404, "{name:?}");
        assert_eq!(answer.body, "The book has no such listing.\n");
    }
    unharmed(&stage);
}

#[test]
fn only_a_knob_of_the_listing_has_a_value() {
    let stage = stage();
    for (knob, value) in [
        ("ac", "manual"),
        ("ack ", "manual"),
        ("--ack", "manual"),
        ("config", "x"),
        ("manifest-path", "/etc/passwd"),
        ("", ""),
        ("ack", ""),
        ("ack", "Manual"),
        ("ack", "manual "),
        ("ack", "manual,auto"),
        ("ack", "manual --crash 2"),
        ("ack", "$(touch ran)"),
        ("ack", "2"),
        ("crash", "3"),
        ("crash", "-1"),
    ] {
        let answer = stage.post(
            "/-/run",
            &json!({"listing": "ch01-x", "knobs": {knob: value}}).to_string(),
        );
        assert_eq!(answer.status, 422, "{knob:?} {value:?}");
        assert!(answer.body.contains("no such knob"));
    }
    unharmed(&stage);
}

#[test]
fn a_request_has_one_form() {
    let stage = stage();
    for body in [
        "",
        "{}",
        "[]",
        "null",
        "\"ch01-x\"",
        "{\"listing\":",
        "{\"listing\":1}",
        "{\"listing\":\"ch01-x\",\"args\":[\"--version\"]}",
        "{\"listing\":\"ch01-x\",\"knobs\":[\"--version\"]}",
        "{\"listing\":\"ch01-x\",\"knobs\":{\"ack\":null}}",
        "{\"listing\":\"ch01-x\",\"knobs\":{\"ack\":[\"manual\"]}}",
        "{\"listing\":\"ch01-x\",\"features\":\"kafka\"}",
        "{\"listing\":\"ch01-x\",\"wire\":\"yes\"}",
        "{\"listing\":\"ch01-x\",\"wire\":\"127.0.0.1:1/word\"}",
        "{\"listing\":\"ch01-x\"} {}",
        "[\"ch01-x\",{},false]",
        "{\"listing\":\"ch01-x\",\"listing\":\"ch01-x\"}",
        "listing=ch01-x",
        "\u{feff}{\"listing\":\"ch01-x\"}",
    ] {
        let answer = stage.post("/-/run", body);
        assert_eq!(answer.status, 400, "{body:?}");
    }
    for body in [
        "{}",
        "{\"run\":-1}",
        "{\"run\":\"1\"}",
        "{\"run\":1,\"signal\":9}",
        "[1]",
    ] {
        assert_eq!(stage.post("/-/stop", body).status, 400, "{body:?}");
    }
    for body in [
        "{\"run\":0}",
        "{\"run\":1}",
        "{\"run\":18446744073709551615}",
    ] {
        assert_eq!(stage.post("/-/stop", body).status, 404, "{body:?}");
    }
    unharmed(&stage);
}

#[test]
fn a_body_is_small_and_swift() {
    let stage = stage();
    let deep = "[".repeat(60_000);
    assert_eq!(stage.post("/-/run", &deep).status, 400, "deep");
    let large = format!("{GOOD}{}", " ".repeat(64 * 1024));
    let answer = stage.post("/-/run", &large);
    assert_eq!(answer.status, 413);
    assert_eq!(answer.body, "A write is at most 64 KiB, whole.\n");
    // A length is promised, and a part of it sent.
    let mut slow = stage.server.connect();
    let head = format!(
        "POST /-/run HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{}\r\nContent-Length: {}\r\n\r\n{{",
        stage.server.port,
        stage.headers().join("\r\n"),
        GOOD.len()
    );
    slow.write_all(head.as_bytes()).unwrap();
    let mut start = [0; 12];
    slow.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 408");
    unharmed(&stage);
}

/// Two readings of where a request ends would let one hide in another.
#[test]
fn a_request_does_not_hide_in_another() {
    let stage = stage();
    let headers = stage.headers().join("\r\n");
    for framing in [
        "Content-Length: 20\r\nTransfer-Encoding: chunked",
        "Content-Length: 20\r\nContent-Length: 0",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
        "Content-Length: +20",
        "Content-Length: -1",
    ] {
        let request = format!(
            "POST /-/nothing HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n{headers}\r\n{framing}\r\n\
             Connection: close\r\n\r\n0\r\n\r\n\
             POST /-/run HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n{headers}\r\n\
             Content-Length: {}\r\n\r\n{GOOD}",
            GOOD.len()
        );
        let answer = stage.server.raw(&request);
        assert!(
            (400..500).contains(&answer.status),
            "{framing}: {}",
            answer.status
        );
        assert_eq!(
            answer.body.matches("HTTP/1.1").count(),
            0,
            "{framing}: answered once"
        );
    }
    unharmed(&stage);
}

#[test]
fn what_a_run_says_is_framed_by_no_page_and_guessed_as_no_other_type() {
    let stage = Stage::new("echo '<script>alert(1)</script>'");
    let body = GOOD;
    let headers = stage.headers();
    let headers = headers.each_ref().map(String::as_str);
    let answer = stage.server.send("POST /-/run", &headers, body);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(answer.header("access-control-allow-origin"), None);
}
