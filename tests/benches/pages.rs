//! How soon the pages are painted, how much they shift then, and what they weigh, each beside the
//! same page as mdBook makes it by itself.
//!
//! `cargo bench --profile dev --package book-tests --bench pages -- 5` loads each page 5 times.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use book_tests::{book, root};
use mdbook_driver::MDBook;
use mdbook_driver::config::Config;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[path = "../tests/browser/chromium.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod chromium;
#[path = "../tests/browser/loaded.rs"]
#[expect(dead_code, reason = "a test tells which file is heavy")]
mod loaded;

use chromium::Window;

/// Loads of each page, where no number is given.
const LOADS: usize = 5;

/// Notes what the browser tells of its painting.
const WATCH: &str = "
    window.painted = 0;
    window.shifted = 0;
    new PerformanceObserver(list => {
        for (const it of list.getEntries()) window.painted = it.startTime;
    }).observe({type: 'largest-contentful-paint', buffered: true});
    new PerformanceObserver(list => {
        for (const it of list.getEntries()) if (!it.hadRecentInput) window.shifted += it.value;
    }).observe({type: 'layout-shift', buffered: true});";

/// Idle after it has been loaded and painted.
const SETTLE: &str = "
    window.settled = false;
    requestIdleCallback(() => requestAnimationFrame(() => requestAnimationFrame(() => {
        window.settled = true;
    })));";

/// What one page was like, each the median of its loads.
struct Measured {
    /// Until its largest part was painted, in milliseconds.
    painted: f64,
    shifted: f64,
    /// With its style sheets and scripts, as gzip makes them, in bytes.
    weight: usize,
}

#[tokio::main]
async fn main() {
    // cargo gives --bench.
    let given = std::env::args().skip(1).find_map(|it| it.parse().ok());
    let loads = given.unwrap_or(LOADS);
    let Some(window) = Window::open().await else {
        return;
    };
    let devtools = window.page.cdp();
    let watch = devtools.page();
    let watch = watch.add_script_to_evaluate_on_new_document(WATCH);
    watch.await.unwrap();
    devtools.network().enable().await.unwrap();
    let off = serde_json::json!({"cacheDisabled": true});
    let cache = devtools.send_raw("Network.setCacheDisabled", off);
    cache.await.unwrap();
    window.resize(1280, 900).await;

    let (ours, stock) = (Site::of(false).await, Site::of(true).await);
    println!("median of {loads} loads; ours, and as mdBook makes the same page by itself\n");
    println!(
        "{:28} {:>8} {:>8}   {:>7} {:>7}   {:>8} {:>8}",
        "page", "LCP ms", "mdBook", "CLS", "mdBook", "gzip kB", "mdBook"
    );
    let mut all = Vec::new();
    for page in book().unwrap().pages().unwrap() {
        let slug = page.slug;
        let one = ours.measure(&window, &slug, loads).await;
        let other = stock.measure(&window, &slug, loads).await;
        print(&slug, &one, &other);
        all.push((one, other));
    }
    let middle = |of: fn(&Measured) -> f64| {
        let one = median(all.iter().map(|(one, _)| of(one)).collect());
        let other = median(all.iter().map(|(_, other)| of(other)).collect());
        (one, other)
    };
    let greatest = |of: fn(&Measured) -> f64| {
        let most = |it: &mut dyn Iterator<Item = f64>| it.fold(0.0, f64::max);
        let one = most(&mut all.iter().map(|(one, _)| of(one)));
        let other = most(&mut all.iter().map(|(_, other)| of(other)));
        (one, other)
    };
    let of: [fn(&Measured) -> f64; 3] = [|it| it.painted, |it| it.shifted, |it| it.weight as f64];
    for (name, [painted, shifted, weight]) in [
        ("median of all", of.map(middle)),
        ("greatest of all", of.map(greatest)),
    ] {
        let row = |(painted, shifted, weight): (f64, f64, f64)| Measured {
            painted,
            shifted,
            weight: weight as usize,
        };
        let one = row((painted.0, shifted.0, weight.0));
        let other = row((painted.1, shifted.1, weight.1));
        print(name, &one, &other);
    }
    window.close().await;
}

fn print(name: &str, one: &Measured, other: &Measured) {
    println!(
        "{name:28} {:8.0} {:8.0}   {:7.4} {:7.4}   {:8.1} {:8.1}",
        one.painted,
        other.painted,
        one.shifted,
        other.shifted,
        one.weight as f64 / 1000.0,
        other.weight as f64 / 1000.0
    );
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    (all[(all.len() - 1) / 2] + all[all.len() / 2]) / 2.0
}

/// A built book, and what serves its files.
struct Site {
    address: String,
    _folder: TempDir,
}

impl Site {
    /// Builds the book: as it is, or with nothing but its pages.
    async fn of(is_stock: bool) -> Site {
        let folder = TempDir::new().unwrap();
        let mut config = Config::from_disk(root().join("book.toml")).unwrap();
        config.build.build_dir = folder.path().join("book");
        if is_stock {
            let html: HashMap<String, String> = HashMap::new();
            config.set("output.html", html).unwrap();
        }
        let book = MDBook::load_with_config(root(), config).unwrap();
        book.build().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let files: Arc<Path> = folder.path().join("book").into();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, files.clone()));
            }
        });
        Site {
            address,
            _folder: folder,
        }
    }

    async fn measure(&self, window: &Window, slug: &str, loads: usize) -> Measured {
        let (mut painted, mut shifted) = (Vec::new(), Vec::new());
        let mut weight = 0;
        for _ in 0..loads {
            let page = format!("{}/{slug}.html", self.address);
            window.page.goto(page).await.unwrap();
            window.until("window.painted").await;
            window.run::<serde_json::Value>(SETTLE).await;
            window.until("window.settled").await;
            painted.push(window.run("return window.painted").await);
            shifted.push(window.run("return window.shifted").await);
            weight = loaded::packed(&loaded::loaded(window).await);
        }
        Measured {
            painted: median(painted),
            shifted: median(shifted),
            weight,
        }
    }
}

/// Answers one request for a file.
async fn answer(stream: TcpStream, files: Arc<Path>) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    let mut asked = String::new();
    while let Ok(1..) = stream.read_line(&mut line).await {
        if let Some(path) = line.strip_prefix("GET /") {
            let path = path.split(['?', ' ']).next().unwrap_or_default();
            asked = path.to_owned();
        }
        if line.trim().is_empty() {
            break;
        }
        line.clear();
    }
    let kind = match asked.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "css")) => "text/css",
        Some((_, "js")) => "text/javascript",
        Some((_, "svg")) => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let (status, body) = match std::fs::read(files.join(&asked)) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // A browser that goes away is no error.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&body).await;
    let _ = stream.flush().await;
}
