//! `cargo book serve`: pages, their headers, rebuilding, ending.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use crate::common::Repository;
use crate::common::http::Server;
use crate::common::program::{PATIENCE, Running, book, run, runs, stderr, until};
use rustix::process::Signal;

#[test]
fn pages_are_served_with_their_headers() {
    let repository = Repository::new();
    let server = Server::start(&repository);
    let page = server.ask("GET /second.html", &[]);
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Second"));
    assert!(
        page.body
            .contains("<script src=\"/-/live/main.js\" type=\"module\"></script>")
    );
    assert!(page.body.contains("<body class=\"live\">"));
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(
        page.header("cross-origin-resource-policy"),
        Some("same-origin")
    );
    let built = std::fs::read_to_string(repository.path().join("target/book/second.html")).unwrap();
    assert!(
        !built.contains("live"),
        "the built file is as mdBook made it"
    );
    assert_eq!(
        server.ask("GET /", &[]).body,
        server.ask("GET /index.html", &[]).body
    );
    let missing = server.ask("GET /missing.html", &[]);
    assert_eq!(missing.status, 404);
    assert!(missing.body.contains("Document not found"));
}

/// Before a reader does anything, a page costs no more than this.
#[test]
fn the_pages_script_is_small_and_asks_no_other_host() {
    let server = Server::start(&Repository::new());
    let script = server.ask("GET /-/live/main.js", &[]);
    assert_eq!(
        script.header("content-type"),
        Some("text/javascript; charset=utf-8")
    );
    let own = server.ask("GET /-/live/progress.js", &[]);
    let size = script.body.len() + own.body.len();
    assert!(size <= 8 * 1024, "{size} bytes");
    // What it imports before anything is asked for would be loaded as well.
    let imports = |line: &&str| line.starts_with("import ");
    assert_eq!(script.body.lines().find(imports), None);
}

#[test]
fn every_script_of_a_page_comes_from_this_server() {
    let server = Server::start(&Repository::new());
    let mut names = vec!["main.js".to_owned()];
    let mut at = 0;
    while let Some(name) = names.get(at) {
        let script = server.ask(&format!("GET /-/live/{name}"), &[]);
        assert_eq!(script.status, 200, "{name}");
        // The editor names a namespace; see the tests of it.
        let other = script.body.replace("http://www.w3.org/2000/svg", "");
        assert!(!other.contains("://"), "{name}");
        let imported = script.body.split("\"./").skip(1);
        for name in imported.filter_map(|rest| rest.split_once('"')) {
            if !names.iter().any(|it| it == name.0) {
                names.push(name.0.to_owned());
            }
        }
        at += 1;
    }
    assert!(names.len() > 2, "{names:?}");
    for missing in ["live.js", "../pages.rs", "..%2fpages.rs", ""] {
        let answer = server.ask(&format!("GET /-/live/{missing}"), &[]);
        assert!(answer.status >= 400, "{missing}");
    }
}

#[test]
fn the_policy_allows_the_pages_own_scripts_and_no_frame() {
    let server = Server::start(&Repository::new());
    let page = server.ask("GET /", &[]);
    let policy = page.header("content-security-policy").unwrap();
    let inline = page.body.matches("<script>").count();
    assert!(inline > 3, "mdBook renders inline scripts");
    assert_eq!(policy.matches("'sha256-").count(), inline);
    assert!(policy.starts_with("default-src 'none'; script-src 'self' 'sha256-"));
    assert!(policy.ends_with("frame-ancestors 'none'"));
    let scripts = policy
        .split("; ")
        .find(|part| part.starts_with("script-src "));
    let allowed = |source: &str| source == "'self'" || source.starts_with("'sha256-");
    assert!(scripts.unwrap().split(' ').skip(1).all(allowed), "{policy}");
    let contents = server.ask("GET /toc.html", &[]);
    let policy = contents.header("content-security-policy").unwrap();
    assert!(policy.ends_with("frame-ancestors 'self'"));
    for other in ["/-/live/main.js", "/missing.png", "/..", "/book.js"] {
        let answer = server.ask(&format!("GET {other}"), &[]);
        assert!(
            answer
                .header("content-security-policy")
                .unwrap()
                .contains("frame-ancestors")
        );
    }
}

/// The numbers of the builds, as an open page hears of them.
pub struct Builds(BufReader<TcpStream>);

impl Builds {
    pub fn follow(server: &Server) -> Builds {
        let mut stream = server.connect();
        let request = format!(
            "GET /-/builds HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n",
            server.port
        );
        stream.write_all(request.as_bytes()).unwrap();
        Builds(BufReader::new(stream))
    }

    pub fn next(&mut self) -> u64 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // The server sends a comment now and then, so this read ends in any case.
            let mut line = String::new();
            assert!(
                self.0.read_line(&mut line).unwrap() > 0,
                "the server closed"
            );
            if let Some(build) = line.strip_prefix("data: ") {
                return build.trim().parse().unwrap();
            }
            assert!(Instant::now() < deadline, "no build is told");
        }
    }
}

#[test]
fn a_change_is_built_and_told_to_the_open_page() {
    let repository = Repository::new();
    repository.chapter("ch01-x", "fn main() {}");
    let server = Server::start(&repository);
    let mut builds = Builds::follow(&server);
    let first = builds.next();
    repository.write("book/src/index.md", "# First\n\nThe new text.\n");
    assert_eq!(builds.next(), first + 1);
    assert!(server.ask("GET /", &[]).body.contains("The new text"));
    repository.write("chapters/ch01-x/src/main.rs", "fn main() { }");
    assert_eq!(builds.next(), first + 2);
    repository.write("book.toml", &repository.read("book.toml"));
    assert_eq!(builds.next(), first + 3);
}

#[test]
fn a_failed_build_leaves_the_last_good_book() {
    let repository = Repository::new();
    let mut server = Server::start(&repository);
    let mut builds = Builds::follow(&server);
    let first = builds.next();
    repository.write("book/src/SUMMARY.md", "- [First](gone.md)\n");
    server.program.line("gone.md");
    server.program.line("the last good book stays served");
    assert!(server.ask("GET /", &[]).body.contains("The old text"));
    repository.write("book/src/SUMMARY.md", "- [First](index.md)\n");
    assert_eq!(builds.next(), first + 1);
    assert_eq!(server.ask("GET /second.html", &[]).status, 404);
}

#[test]
fn a_book_that_never_built_is_not_served() {
    let repository = Repository::new();
    repository.write("book/src/SUMMARY.md", "- [First](gone.md)\n");
    let output = run(&repository, &["serve", "--no-open", "--port", "0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("gone.md"));
}

#[test]
fn a_signal_ends_it_at_once_with_exit_code_0() {
    let repository = Repository::new();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut server = Server::start(&repository);
        let _page = Builds::follow(&server).next();
        server.program.signal(signal);
        assert_eq!(server.program.end().code(), Some(0), "{signal:?}");
        assert!(TcpStream::connect(("127.0.0.1", server.port)).is_err());
    }
}

#[test]
fn a_signal_during_a_build_leaves_nothing_running() {
    let repository = Repository::new();
    repository.preprocess_with("sh -c \"echo building $$ >&2; sleep 1000; true\"");
    let mut program = Running::start(&mut book(
        &repository,
        &["serve", "--no-open", "--port", "0"],
    ));
    let line = program.line("building");
    let builder: u32 = line.trim_start_matches("building ").parse().unwrap();
    assert!(runs(builder));
    program.signal(Signal::TERM);
    assert_eq!(program.end().code(), Some(0));
    until("the build is gone", || (!runs(builder)).then_some(()));
}

#[test]
fn a_taken_port_is_named_or_replaced() {
    let repository = Repository::new();
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = run(&repository, &["serve", "--no-open", "--port", &port]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(&format!("port {port} is taken; choose another with --port")));

    // Whoever holds the usual port, this test or another program, it is taken.
    let _usual = TcpListener::bind(("127.0.0.1", 4300));
    let mut program = Running::start(&mut book(&repository, &["serve", "--no-open"]));
    program.line("port 4300 is taken, another one is used");
    let server = Server::from(program);
    assert_ne!(server.port, 4300);
    assert_eq!(server.ask("GET /", &[]).status, 200);
}

#[test]
fn without_a_browser_the_address_remains() {
    let repository = Repository::new();
    let program = Running::start(book(&repository, &["serve", "--port", "0"]).env("PATH", ""));
    let mut server = Server::from(program);
    server
        .program
        .line("no browser was found; open the address yourself");
    assert_eq!(server.ask("GET /", &[]).status, 200);
}
