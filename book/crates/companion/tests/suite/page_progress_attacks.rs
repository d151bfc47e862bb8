//! What a hostile page or program may try on a reader's progress.

use std::io::{Read, Write};

use serde_json::json;

use crate::common::page::Stage;
use crate::page_progress::stage;

/// Each path, with a body that passes.
const GOOD: [(&str, &str); 6] = [
    ("/-/progress", "{}"),
    ("/-/progress/read", r#"{"page":"index"}"#),
    (
        "/-/progress/predict",
        r#"{"page":"index","prediction":"ch01-x/one","option":1}"#,
    ),
    ("/-/progress/export", "{}"),
    ("/-/progress/import", r#"{"progress":{"v":1}}"#),
    ("/-/progress/reset", "{}"),
];
const FILE: &str = ".book/progress.json";
const MINE: &str = "{\"v\": 1, \"mine\": 1}\n";

/// A stage whose reader has a progress.
fn mine() -> Stage {
    let stage = stage("echo ran > ran");
    stage.repository.write(FILE, MINE);
    stage
}

/// Nothing was noted, replaced, taken away or run by what came before, and what is allowed works.
fn unharmed(stage: &Stage) {
    assert_eq!(stage.repository.read(FILE), MINE);
    assert!(!stage.repository.has(".book/progress-1.json"));
    assert!(!stage.repository.has("ran"), "the listing ran");
    for (path, body) in GOOD {
        let answer = stage.post(path, body);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
}

/// Sends each good request with this header in the place of the good one at `place`; it is refused
/// with `status`.
fn refused(stage: &Stage, place: usize, header: &str, status: u16) {
    let mut headers = stage.headers();
    headers[place] = header.to_owned();
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let headers: Vec<&str> = headers.into_iter().filter(|it| !it.is_empty()).collect();
    for (path, body) in GOOD {
        let answer = stage.server.send(&format!("POST {path}"), &headers, body);
        assert_eq!(answer.status, status, "{path} with {header:?}");
        assert!(answer.body.ends_with(".\n"), "{path} is told why");
        assert!(!answer.body.contains("mine"), "{path} tells nothing");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[test]
fn another_sites_page_learns_and_changes_nothing() {
    let stage = mine();
    let port = stage.server.port;
    for origin in [
        "Origin: http://evil.example".to_owned(),
        "Origin: null".to_owned(),
        "Origin: file://".to_owned(),
        format!("Origin: https://127.0.0.1:{port}"),
        format!("Origin: http://localhost:{port}"),
        format!("Origin: http://127.0.0.1:{port}.evil.example"),
        String::new(),
    ] {
        refused(&stage, 0, &origin, 403);
    }
    unharmed(&stage);
}

#[test]
fn without_this_sessions_cookie_nobody_reads_or_writes() {
    let stage = mine();
    let other = mine();
    let port = stage.server.port;
    let secret = other.headers()[1].split_once('=').unwrap().1.to_owned();
    for cookie in [
        String::new(),
        format!("Cookie: book-{port}={secret}"),
        format!("Cookie: book-{port}="),
        format!("Cookie: book-{port}={}", stage.server.ticket),
        other.headers()[1].clone(),
    ] {
        refused(&stage, 1, &cookie, 403);
    }
    unharmed(&stage);
}

#[test]
fn a_form_or_plain_text_changes_nothing() {
    let stage = mine();
    for kind in [
        "",
        "Content-Type: text/plain",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Type: multipart/form-data; boundary=x",
    ] {
        refused(&stage, 2, kind, 415);
    }
    unharmed(&stage);
}

#[test]
fn only_a_post_is_answered() {
    let stage = mine();
    let headers = stage.headers();
    let headers = headers.each_ref().map(String::as_str);
    for (path, _) in GOOD {
        for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let answer = stage.server.ask(&format!("{method} {path}"), &headers);
            assert_eq!(answer.status, 405, "{method} {path}");
        }
        let answer = stage
            .server
            .ask(&format!("GET {path}?page=index"), &headers);
        assert_eq!(answer.status, 405, "{path}");
    }
    unharmed(&stage);
}

#[test]
fn a_rebound_name_reads_nothing() {
    let stage = mine();
    let good = stage.headers();
    for (path, body) in GOOD {
        let host = format!("rebound.example:{}", stage.server.port);
        let answer = stage.server.raw(&format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nConnection: close\r\n\
             {}\r\n{}\r\nContent-Length: {}\r\n\r\n{body}",
            good[1],
            good[2],
            body.len()
        ));
        assert_eq!(answer.status, 403, "{path}");
    }
    unharmed(&stage);
}

#[test]
fn only_a_page_of_the_book_is_noted() {
    let stage = mine();
    for page in [
        "",
        "INDEX",
        "index.md",
        "index.html",
        "/index",
        "./index",
        "../book/src/index",
        "../../etc/passwd",
        "%2e%2e/index",
        "index\0",
        "gone",
        // Of the book, but for looking up, and behind its last part.
        "words",
        "second",
    ] {
        let answer = stage.post("/-/progress/read", &json!({"page": page}).to_string());
        assert_eq!(answer.status, 404, "{page:?}");
        let body = json!({"page": page, "prediction": "ch01-x/one", "option": 0});
        let answer = stage.post("/-/progress/predict", &body.to_string());
        assert_eq!(answer.status, 404, "{page:?}");
    }
    unharmed(&stage);
}

#[test]
fn only_a_prediction_that_the_page_asks_for_is_noted_and_only_an_option_of_it() {
    let stage = mine();
    stage.repository.prediction("ch01-x", "other");
    for prediction in [
        "",
        "/",
        "one",
        "ch01-x",
        "ch01-x/",
        "ch01-x/other",
        "ch01-x/one.toml",
        "ch01-x/../predict/one",
        "../chapters/ch01-x/one",
        "ch01-x\\one",
        "ch01-x/one\n",
    ] {
        let body = json!({"page": "index", "prediction": prediction, "option": 0});
        let answer = stage.post("/-/progress/predict", &body.to_string());
        assert_eq!(answer.status, 404, "{prediction:?}");
    }
    for option in [2, 3, u32::MAX] {
        let body = json!({"page": "index", "prediction": "ch01-x/one", "option": option});
        let answer = stage.post("/-/progress/predict", &body.to_string());
        assert_eq!(answer.status, 422, "{option}");
    }
    unharmed(&stage);
}

#[test]
fn a_request_has_one_form() {
    let stage = mine();
    for (path, body) in GOOD {
        let more = body.replacen('{', "{\"path\":\"/etc/passwd\",", 1);
        let more = more.replace(",}", "}");
        let twice = format!("{body} {body}");
        let bodies = [
            "",
            "[]",
            "null",
            "\"index\"",
            "{",
            &more,
            &twice,
            "\u{feff}{}",
        ];
        for body in bodies {
            let answer = stage.post(path, body);
            assert_eq!(answer.status, 400, "{path} {body:?}");
        }
    }
    for body in [
        r#"{"page":1}"#,
        r#"{"page":["index"]}"#,
        r#"{"page":"index","read":true}"#,
    ] {
        assert_eq!(stage.post("/-/progress/read", body).status, 400, "{body}");
    }
    for option in ["-1", "1.5", "\"1\"", "null", "18446744073709551616", "[1]"] {
        let body = format!(r#"{{"page":"index","prediction":"ch01-x/one","option":{option}}}"#);
        let answer = stage.post("/-/progress/predict", &body);
        assert_eq!(answer.status, 400, "{option}");
    }
    for progress in ["null", "[]", "\"{}\"", "1"] {
        let body = format!("{{\"progress\":{progress}}}");
        let answer = stage.post("/-/progress/import", &body);
        assert_eq!(answer.status, 400, "{progress}");
    }
    unharmed(&stage);
}

#[test]
fn a_body_is_small_flat_and_swift() {
    let stage = mine();
    for (path, body) in GOOD {
        let large = format!("{body}{}", " ".repeat(64 * 1024));
        assert_eq!(stage.post(path, &large).status, 413, "{path}");
    }
    let (open, close) = ("{\"v\":".repeat(10_000), "}".repeat(10_000));
    let deep = format!("{{\"progress\":{open}1{close}}}");
    assert_eq!(stage.post("/-/progress/import", &deep).status, 400);
    // A length is promised, and a part of it sent.
    let mut slow = stage.server.connect();
    let head = format!(
        "POST /-/progress/reset HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{}\r\nContent-Length: 2\r\n\r\n{{",
        stage.server.port,
        stage.headers().join("\r\n"),
    );
    slow.write_all(head.as_bytes()).unwrap();
    let mut start = [0; 12];
    slow.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 408");
    unharmed(&stage);
}

#[test]
fn what_it_answers_is_framed_by_no_page_and_guessed_as_no_other_type() {
    let stage = mine();
    for (path, body) in GOOD {
        let answer = stage.post(path, body);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    }
}
