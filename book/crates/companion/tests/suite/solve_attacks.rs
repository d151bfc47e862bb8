//! What a hostile page or program may try on an exercise's file.

use std::io::{Read, Write};
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::common::exercise::{MAIN, served, with_exercise};
use crate::common::http::Answer;
use crate::common::page::Stage;

const PATHS: [&str; 7] = ["open", "draft", "save", "reset", "hint", "grade", "stop"];

/// A body that is allowed at this path.
fn good(path: &str, exercise: &str) -> Value {
    let draft = json!({"base": "none", "text": "// x", "at": 1, "history": null});
    match path {
        "draft" => json!({"exercise": exercise, "seen": 0, "draft": draft}),
        "save" => json!({"exercise": exercise, "version": "none", "text": "// x"}),
        "reset" => json!({"exercise": exercise, "version": "none"}),
        "hint" => json!({"exercise": exercise, "hint": 1}),
        "stop" => json!({"grading": 1}),
        _ => json!({"exercise": exercise}),
    }
}

fn stage() -> Stage {
    served(with_exercise("ex03-once"))
}

/// Nothing was read, written or run by what came before, and the server still serves.
fn unharmed(stage: &Stage) {
    assert_eq!(stage.repository.read(MAIN), "// stub\n");
    assert!(!stage.repository.has("calls"), "cargo was called");
    for made in ["progress.json", "answers", "drafts/ex03-once.json"] {
        assert!(!stage.repository.has(&format!(".book/{made}")), "{made}");
    }
    let answer = stage.post("/-/solve/open", &good("open", "ex03-once").to_string());
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// Sends a good request, but for these headers in place of the good ones.
fn with(stage: &Stage, path: &str, headers: [Option<&str>; 3]) -> Answer {
    let good_headers = stage.headers();
    let headers: Vec<&str> = good_headers
        .iter()
        .zip(headers)
        .map(|(good, other)| other.unwrap_or(good))
        .filter(|header| !header.is_empty())
        .collect();
    let body = good(path, "ex03-once").to_string();
    stage
        .server
        .send(&format!("POST /-/solve/{path}"), &headers, &body)
}

#[test]
fn another_sites_page_solves_nothing() {
    let stage = stage();
    let localhost = format!("Origin: http://localhost:{}", stage.server.port);
    let longer = format!(
        "Origin: http://127.0.0.1:{}.evil.example",
        stage.server.port
    );
    for path in PATHS {
        for origin in [
            "Origin: http://evil.example",
            "Origin: null",
            "",
            &localhost,
            &longer,
        ] {
            let answer = with(&stage, path, [Some(origin), None, None]);
            assert_eq!(answer.status, 403, "{path} {origin}");
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
    }
    unharmed(&stage);
}

#[test]
fn a_missing_or_stale_cookie_solves_nothing() {
    let (stage, other) = (stage(), stage());
    let secret = other.headers()[1].split_once('=').unwrap().1.to_owned();
    let stale = format!("Cookie: book-{}={secret}", stage.server.port);
    for path in PATHS {
        for cookie in ["", "Cookie: ", &stale, &other.headers()[1]] {
            let answer = with(&stage, path, [None, Some(cookie), None]);
            assert_eq!(answer.status, 403, "{path} {cookie}");
        }
    }
    unharmed(&stage);
}

#[test]
fn a_form_or_plain_text_solves_nothing() {
    let stage = stage();
    for path in PATHS {
        for kind in [
            "",
            "Content-Type: text/plain",
            "Content-Type: application/x-www-form-urlencoded",
            "Content-Type: multipart/form-data; boundary=x",
        ] {
            let answer = with(&stage, path, [None, None, Some(kind)]);
            assert_eq!(answer.status, 415, "{path} {kind}");
        }
    }
    unharmed(&stage);
}

#[test]
fn only_a_post_solves() {
    let stage = stage();
    let headers = stage.headers();
    let headers = headers.each_ref().map(String::as_str);
    for path in PATHS {
        for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let line = format!("{method} /-/solve/{path}?exercise=ex03-once");
            assert_eq!(stage.server.ask(&line, &headers).status, 405, "{line}");
        }
        let upgrade = [
            headers[0],
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
        ];
        let answer = stage.server.ask(&format!("GET /-/solve/{path}"), &upgrade);
        assert_eq!(answer.status, 405, "{path}");
    }
    unharmed(&stage);
}

#[test]
fn a_rebound_name_solves_nothing() {
    let stage = stage();
    let port = stage.server.port;
    let headers = stage.headers();
    for path in PATHS {
        for host in [format!("rebound.example:{port}"), "127.0.0.1".to_owned()] {
            let body = good(path, "ex03-once").to_string();
            let answer = stage.server.raw(&format!(
                "POST /-/solve/{path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n\
                 Connection: close\r\n{}\r\n{}\r\nContent-Length: {}\r\n\r\n{body}",
                headers[1],
                headers[2],
                body.len()
            ));
            assert_eq!(answer.status, 403, "{path} {host}");
        }
    }
    unharmed(&stage);
}

#[test]
fn only_an_exercise_of_the_catalogue_has_a_name() {
    let stage = stage();
    stage
        .repository
        .write("outside/src/main.rs", "// outside\n");
    for id in [
        "",
        ".",
        "..",
        "ex03",
        "ex03-onc",
        "EX03-ONCE",
        "ex03-once/",
        "./ex03-once",
        "../outside",
        "../exercises/ex03-once",
        "ex03-once/../../outside",
        "/etc/passwd",
        "%2e%2e%2foutside",
        "..\\outside",
        "ex03-once\0",
        "ex03-once\n",
        "ex03-once/src/main.rs",
        "--manifest-path",
        "$(touch calls)",
    ] {
        for path in PATHS.into_iter().filter(|path| *path != "stop") {
            let answer = stage.post(&format!("/-/solve/{path}"), &good(path, id).to_string());
            assert_eq!(answer.status, 404, "{path} {id:?}");
            assert_eq!(answer.body, "The book has no such exercise.\n");
        }
    }
    assert_eq!(stage.repository.read("outside/src/main.rs"), "// outside\n");
    unharmed(&stage);
}

#[test]
fn a_request_has_one_form() {
    let stage = stage();
    for path in PATHS {
        let to = format!("/-/solve/{path}");
        let mut more = good(path, "ex03-once");
        more["path"] = json!("../../outside/main.rs");
        let mut wrong = good(path, "ex03-once");
        for value in wrong.as_object_mut().unwrap().values_mut() {
            *value = json!([1]);
        }
        for body in [
            more,
            wrong,
            json!({}),
            json!([]),
            json!(null),
            json!("ex03-once"),
        ] {
            assert_eq!(
                stage.post(&to, &body.to_string()).status,
                400,
                "{path} {body}"
            );
        }
        for body in ["", "{", "exercise=ex03-once", "\u{feff}{}"] {
            assert_eq!(stage.post(&to, body).status, 400, "{path} {body:?}");
        }
    }
    let mut draft = good("draft", "ex03-once");
    draft["draft"]["path"] = json!("x");
    assert_eq!(stage.post("/-/solve/draft", &draft.to_string()).status, 400);
    unharmed(&stage);
}

#[test]
fn a_guess_is_one_of_a_closed_set() {
    let stage = stage();
    for (program, verdict) in [
        ("early", "passed"),
        ("--seed", "1"),
        ("early", "passed --seed 1"),
        ("", ""),
    ] {
        let body = json!({"exercise": "ex03-once", "guesses": {program: verdict}});
        let answer = stage.post("/-/solve/grade", &body.to_string());
        assert_eq!(answer.status, 422, "{program} {verdict}");
    }
    unharmed(&stage);
}

#[test]
fn a_text_is_bounded_and_is_text() {
    let stage = stage();
    let save = |text: &str| {
        let mut body = good("save", "ex03-once");
        body["text"] = json!(text);
        stage.post("/-/solve/save", &body.to_string())
    };
    let answer = save(&"x".repeat(256 * 1024 + 1));
    assert_eq!(
        (answer.status, &*answer.body),
        (413, "An answer is at most 256 KiB.\n")
    );
    let answer = save(&"x".repeat(1024 * 1024));
    assert_eq!(answer.status, 413);
    assert_eq!(answer.body, "A write of a text is at most 1 MiB, whole.\n");
    assert_eq!(save("fn main() {}\0").status, 422, "NUL");
    let mut draft = good("draft", "ex03-once");
    draft["draft"]["text"] = json!("\0");
    assert_eq!(stage.post("/-/solve/draft", &draft.to_string()).status, 422);
    let padded = format!("{}{}", good("grade", "ex03-once"), " ".repeat(64 * 1024));
    assert_eq!(stage.post("/-/solve/grade", &padded).status, 413);
    // What is no UTF-8, and half of a surrogate pair.
    let lone = r#"{"exercise":"ex03-once","version":"none","text":"\ud800"}"#;
    assert_eq!(stage.post("/-/solve/save", lone).status, 400);
    let mut stream = stage.server.connect();
    let body = b"{\"exercise\":\"ex03-once\",\"version\":\"none\",\"text\":\"\xff\xfe\"}";
    let head = format!(
        "POST /-/solve/save HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n{}\r\n\
         Content-Length: {}\r\n\r\n",
        stage.server.port,
        stage.headers().join("\r\n"),
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 400");
    unharmed(&stage);
}

/// The longest text that is allowed, with all that JSON escapes.
#[test]
fn the_longest_answer_is_saved() {
    let stage = stage();
    let opened = stage.post("/-/solve/open", &good("open", "ex03-once").to_string());
    let opened: Value = serde_json::from_str(&opened.body).unwrap();
    let text = "\"\\\t\n".repeat(64 * 1024);
    let body = json!({"exercise": "ex03-once", "version": opened["version"], "text": text});
    assert_eq!(stage.post("/-/solve/save", &body.to_string()).status, 200);
    assert_eq!(stage.repository.read(MAIN), text);
}

/// What stands in place of the file, and what each request that would go through it is told.
fn through_a_link(stage: &Stage, what: &str) {
    for path in ["open", "save", "reset"] {
        let answer = stage.post(
            &format!("/-/solve/{path}"),
            &good(path, "ex03-once").to_string(),
        );
        assert_eq!(answer.status, 422, "{what}, {path}: {}", answer.body);
        assert!(answer.body.contains("is a link"), "{}", answer.body);
    }
    let outside = stage.repository.read("outside/main.rs");
    assert_eq!(outside, "// outside\n", "{what}");
}

#[test]
fn a_draft_follows_no_link_either() {
    let stage = stage();
    stage.repository.write("outside/ex03-once.json", "outside");
    stage.repository.write(".book/drafts/other", "");
    let drafts = stage.repository.path().join(".book/drafts");
    let keep = || {
        let body = good("draft", "ex03-once").to_string();
        stage.post("/-/solve/draft", &body).status
    };
    let outside = stage.repository.path().join("outside");
    symlink(
        outside.join("ex03-once.json"),
        drafts.join("ex03-once.json"),
    )
    .unwrap();
    assert_eq!(keep(), 422, "the file");
    std::fs::remove_dir_all(&drafts).unwrap();
    symlink(&outside, &drafts).unwrap();
    assert_eq!(keep(), 422, "its folder");
    let outside = stage.repository.read("outside/ex03-once.json");
    assert_eq!(outside, "outside");
}

#[test]
fn no_link_is_followed() {
    for (linked, to) in [
        (MAIN, "outside/main.rs"),
        ("exercises/ex03-once/src", "outside"),
        ("exercises/ex03-once", "moved"),
        ("exercises", "moved"),
    ] {
        let stage = stage();
        stage.repository.write("outside/main.rs", "// outside\n");
        let at = |path: &str| stage.repository.path().join(path);
        std::fs::rename(at(linked), at("moved")).unwrap();
        symlink(at(to), at(linked)).unwrap();
        through_a_link(&stage, linked);
    }
}

#[test]
fn what_is_no_plain_file_is_not_opened() {
    let stage = stage();
    stage.repository.write("outside/main.rs", "// outside\n");
    let main = stage.repository.path().join(MAIN);
    std::fs::remove_file(&main).unwrap();
    std::fs::create_dir(&main).unwrap();
    through_a_link(&stage, "a folder");
    std::fs::remove_dir(&main).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&main).status();
    assert!(made.unwrap().success());
    through_a_link(&stage, "a pipe");
}

#[test]
fn what_is_no_answer_is_told() {
    let stage = stage();
    let open = || stage.post("/-/solve/open", &good("open", "ex03-once").to_string());
    let main = stage.repository.path().join(MAIN);
    std::fs::write(&main, [0xff, 0xfe]).unwrap();
    assert_eq!(
        open().body,
        "The exercise's file is not UTF-8 text; save it as such.\n"
    );
    std::fs::write(&main, "x".repeat(256 * 1024 + 1)).unwrap();
    assert!(
        open().body.contains("longer than 256 KiB"),
        "{}",
        open().body
    );
    let save = stage.post("/-/solve/save", &good("save", "ex03-once").to_string());
    assert_eq!(save.status, 422, "{}", save.body);
    std::fs::remove_dir_all(stage.repository.path().join("exercises/ex03-once/src")).unwrap();
    assert_eq!(open().body, "The exercise has no folder src; make it.\n");
}
