//! What a hostile page or program may try on the server, over raw sockets.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::common::Repository;
use crate::common::http::{Answer, Server};
use crate::common::program::until;

#[test]
fn only_the_servers_own_names_are_answered() {
    let server = Server::start(&Repository::new());
    for host in ["Host: 127.0.0.1:PORT", "Host: localhost:PORT"] {
        let answer = server.raw(&format!(
            "GET / HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n"
        ));
        assert_eq!(answer.status, 200, "{host}");
    }
    for (head, status) in [
        ("GET / HTTP/1.1\r\nX: y", 403),
        ("GET / HTTP/1.0", 403),
        ("GET / HTTP/1.1\r\nHost: rebound.example", 403),
        ("GET / HTTP/1.1\r\nHost: rebound.example:PORT", 403),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1", 403),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1:1", 403),
        (
            "GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT.rebound.example",
            403,
        ),
        ("GET / HTTP/1.1\r\nHost: [::1]:PORT", 403),
        ("GET / HTTP/1.1\r\nHost: 0.0.0.0:PORT", 403),
        ("GET / HTTP/1.1\r\nHost: 2130706433:PORT", 403),
        (
            "GET http://rebound.example/ HTTP/1.1\r\nHost: 127.0.0.1:PORT",
            403,
        ),
        (
            "GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nHost: rebound.example",
            403,
        ),
        ("HEAD /-/builds HTTP/1.1\r\nHost: rebound.example:PORT", 403),
        (
            "GET /-/live/main.js HTTP/1.1\r\nHost: rebound.example:PORT",
            403,
        ),
    ] {
        let answer = server.raw(&format!("{head}\r\nConnection: close\r\n\r\n"));
        assert_eq!(answer.status, status, "{head}");
        assert!(!answer.body.contains("The old text"), "{head}");
    }
}

#[test]
fn no_other_address_is_listened_on() {
    let server = Server::start(&Repository::new());
    for address in ["127.0.0.2", "::1"] {
        assert!(
            TcpStream::connect((address, server.port)).is_err(),
            "{address}"
        );
    }
}

/// Another user of the machine can see the ticket in a browser's command line. Only root can be
/// another one, so the test says nothing where it is not run by root.
#[test]
fn another_user_of_the_machine_has_no_answer() {
    if !rustix::process::getuid().is_root() {
        return eprintln!("not tried: only root can become another user");
    }
    let server = Server::start(&Repository::new());
    let (port, ticket) = (server.port, &server.ticket);
    let script = format!(
        "exec 3<> /dev/tcp/127.0.0.1/{port}
         printf 'GET /?token={ticket} HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n\\r\\n' >&3
         read -r -t 10 line <&3; echo \"$line\""
    );
    let ask = |user: u32| {
        let mut bash = Command::new("bash");
        let asked = bash.args(["-c", &script]).uid(user).gid(user).output();
        String::from_utf8(asked.unwrap().stdout).unwrap()
    };
    assert_eq!(ask(65534).trim(), "", "no word of HTTP");
    let own = ask(0);
    assert!(
        own.starts_with("HTTP/1.1 303"),
        "the ticket is as good as before: {own}"
    );
    let again = ask(0);
    assert!(
        again.starts_with("HTTP/1.1 403"),
        "and good for one visit: {again}"
    );
}

#[test]
fn another_sites_page_reads_nothing() {
    let server = Server::start(&Repository::new());
    let own = format!("Origin: http://127.0.0.1:{}", server.port);
    assert_eq!(server.ask("GET /", &[&own]).status, 200);
    assert_eq!(server.ask("HEAD /-/builds", &[&own]).status, 200);
    let swapped = format!("Origin: http://localhost:{}", server.port);
    let secure = format!("Origin: https://127.0.0.1:{}", server.port);
    for origin in [
        "Origin: http://evil.example",
        "Origin: null",
        "Origin: http://127.0.0.1",
        "Origin: http://127.0.0.1:1",
        &swapped,
        &secure,
    ] {
        for line in ["GET /", "HEAD /-/builds"] {
            let answer = server.ask(line, &[origin]);
            assert_eq!(answer.status, 403, "{origin} {line}");
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
    }
}

#[test]
fn another_sites_web_socket_and_preflight_are_refused() {
    let server = Server::start(&Repository::new());
    let socket = server.ask(
        "GET /-/live/main.js",
        &[
            "Origin: http://evil.example",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ],
    );
    assert_eq!(socket.status, 403);
    let own = format!("Origin: http://127.0.0.1:{}", server.port);
    let preflight = server.ask("OPTIONS /", &[&own, "Access-Control-Request-Method: POST"]);
    assert_eq!(preflight.status, 405);
    assert!(!preflight.head.to_lowercase().contains("access-control-"));
}

#[test]
fn a_file_is_only_read() {
    let server = Server::start(&Repository::new());
    let head = server.ask("HEAD /", &[]);
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    for method in ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "PROPFIND"] {
        assert_eq!(
            server.ask(&format!("{method} /index.html"), &[]).status,
            405,
            "{method}"
        );
    }
    assert_eq!(server.send("GET /", &[], "body").status, 400);
    let chunked = server.ask("GET /", &["Transfer-Encoding: chunked"]);
    assert_eq!(chunked.status, 400);
}

/// All but the tested header of a write that passes; what passes finds nothing at its path.
#[test]
fn a_write_needs_origin_cookie_and_json() {
    let server = Server::start(&Repository::new());
    let origin = format!("Origin: http://127.0.0.1:{}", server.port);
    let cookie = format!("Cookie: theme=x; {}", server.cookie());
    let json = "Content-Type: application/json";
    let write = |headers: &[&str]| server.send("POST /-/nothing", headers, "{}").status;
    assert_eq!(write(&[&origin, &cookie, json]), 404, "the good write");
    assert_eq!(
        write(&[
            &origin,
            &cookie,
            "Content-Type: application/json; charset=utf-8"
        ]),
        404
    );

    assert_eq!(write(&[&cookie, json]), 403, "no Origin");
    assert_eq!(
        write(&["Origin: null", &cookie, json]),
        403,
        "an opaque Origin"
    );
    assert_eq!(
        write(&["Origin: http://evil.example", &cookie, json]),
        403,
        "a foreign Origin"
    );
    assert_eq!(write(&[&origin, json]), 403, "no cookie");
    let forged = format!("Cookie: book-{}={}", server.port, "0".repeat(64));
    assert_eq!(write(&[&origin, &forged, json]), 403, "a forged cookie");
    let ticket = format!("Cookie: book-{}={}", server.port, server.ticket);
    assert_eq!(
        write(&[&origin, &ticket, json]),
        403,
        "the ticket is not the cookie"
    );
    assert_eq!(write(&[&origin, &cookie]), 415, "no type");
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ] {
        assert_eq!(
            write(&[&origin, &cookie, &format!("Content-Type: {kind}")]),
            415,
            "{kind}"
        );
    }
}

#[test]
fn a_write_is_small_and_swift() {
    let server = Server::start(&Repository::new());
    let origin = format!("Origin: http://127.0.0.1:{}", server.port);
    let cookie = format!("Cookie: {}", server.cookie());
    let headers = [origin.as_str(), &cookie, "Content-Type: application/json"];
    let fits = " ".repeat(64 * 1024);
    assert_eq!(server.send("POST /-/nothing", &headers, &fits).status, 404);
    let large = " ".repeat(64 * 1024 + 1);
    assert_eq!(server.send("POST /-/nothing", &headers, &large).status, 413);
    let mut slow = headers.to_vec();
    slow.push("Content-Length: 2");
    assert_eq!(server.ask("POST /-/nothing", &slow).status, 408);
}

#[test]
fn the_ticket_is_good_for_one_visit() {
    let server = Server::start(&Repository::new());
    let visit = format!("/?token={}", server.ticket);
    let peek = server.ask(&format!("HEAD {visit}"), &[]);
    assert_eq!((peek.status, peek.header("set-cookie")), (200, None));
    assert_eq!(server.ask("GET /?token=", &[]).status, 403);
    assert_eq!(server.ask("GET /?token=0", &[]).status, 403);
    assert_eq!(
        server
            .ask(&format!("GET /?token={}", "0".repeat(64)), &[])
            .status,
        403
    );

    let first = server.ask(&format!("GET {visit}"), &[]);
    assert_eq!((first.status, first.header("location")), (303, Some("/")));
    let cookie = first.header("set-cookie").unwrap();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "HttpOnly; SameSite=Strict; Path=/");
    assert!(!pair.contains(&server.ticket));

    assert_eq!(
        server.ask(&format!("GET {visit}"), &[]).status,
        403,
        "used up"
    );
    let again = server.ask(&format!("GET {visit}"), &[&format!("Cookie: {pair}")]);
    assert_eq!(again.status, 303, "the same browser comes again");
}

#[test]
fn a_ticket_of_an_earlier_run_is_stale() {
    let repository = Repository::new();
    let earlier = Server::start(&repository).ticket;
    let server = Server::start(&repository);
    assert_eq!(
        server.ask(&format!("GET /?token={earlier}"), &[]).status,
        403
    );
}

#[test]
fn no_path_leads_out_of_the_book() {
    let repository = Repository::new();
    repository.write("target/secret.txt", "the secret");
    let server = Server::start(&repository);
    for path in [
        "/../secret.txt",
        "/../../book.toml",
        "/a/../../secret.txt",
        "/./../secret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..%2fsecret.txt",
        "/%252e%252e%252fsecret.txt",
        "/..%5csecret.txt",
        "/..%255csecret.txt",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/%00",
        "/index.html%00.png",
        "/..%c0%afsecret.txt",
        "/....//secret.txt",
        "/.nojekyll",
    ] {
        let answer = server.ask(&format!("GET {path}"), &[]);
        assert_eq!(answer.status, 400, "{path}");
        assert!(!answer.body.contains("the secret"), "{path}");
    }
    assert_eq!(server.ask("GET /secret.txt", &[]).status, 404);
}

#[test]
fn a_head_is_small() {
    let server = Server::start(&Repository::new());
    let long = format!("X: {}", "x".repeat(20 * 1024));
    assert_eq!(server.ask("GET /", &[&long]).status, 431);
    assert_eq!(server.ask("GET /", &["X: y"; 100]).status, 431);
    let path = format!("GET /{}", "x".repeat(20 * 1024));
    assert!((400..500).contains(&server.ask(&path, &[]).status));
}

#[test]
fn a_client_that_never_ends_its_head_is_dropped() {
    let server = Server::start(&Repository::new());
    let mut silent = server.connect();
    let mut slow = server.connect();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
    for stream in [&mut silent, &mut slow] {
        // The end of the connection, not the test's own patience, ends this read.
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
    assert_eq!(server.ask("GET /", &[]).status, 200);
}

#[test]
fn one_connection_too_many_is_told_so() {
    let server = Server::start(&Repository::new());
    let held: Vec<TcpStream> = (0..64).map(|_| follow_builds(&server)).collect();
    assert_eq!(server.ask("GET /", &[]).status, 503);
    drop(held);
    until("a place is free again", || {
        (server.ask("GET /", &[]).status == 200).then_some(())
    });
}

/// A connection that the server keeps open, as a page does.
fn follow_builds(server: &Server) -> TcpStream {
    let mut stream = server.connect();
    let request = format!(
        "GET /-/builds HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n",
        server.port
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    stream
}

#[test]
fn a_client_that_takes_no_answer_is_dropped() {
    let repository = Repository::new();
    // More than the buffers of both sockets hold.
    repository.write("book/src/large.txt", &"x".repeat(32 << 20));
    let server = Server::start(&repository);
    // All ask before one is answered, so that the time of the first one begins late.
    let mut held: Vec<TcpStream> = (0..64)
        .map(|_| {
            let mut stream = server.connect();
            let request = format!(
                "GET /large.txt HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n",
                server.port
            );
            stream.write_all(request.as_bytes()).unwrap();
            stream
        })
        .collect();
    for stream in &mut held {
        stream.read_exact(&mut [0; 12]).unwrap();
    }
    assert_eq!(server.ask("GET /", &[]).status, 503);
    until("the places of those that read nothing are free", || {
        (server.ask("GET /", &[]).status == 200).then_some(())
    });
    drop(held);
}

#[test]
fn nonsense_harms_nobody() {
    let server = Server::start(&Repository::new());
    for bytes in [
        "\0\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "\x16\x03\x01\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
    ] {
        let mut stream = server.connect();
        stream.write_all(bytes.as_bytes()).unwrap();
        let answer = Answer::read(&mut stream);
        assert_eq!(answer.status, 400, "{bytes:?}");
    }
    assert_eq!(server.ask("GET /", &[]).status, 200);
}
