//! axe-core, which knows the rules of WCAG, on every page.

use std::path::{Path, PathBuf};
use std::process::Command;

use book_tests::{book, none, skipped};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use thirtyfour::prelude::*;

use crate::chromium::{Window, on_path};
use crate::runs::look_inside;
use crate::server::Server;
use crate::{HEIGHT, THEMES};

/// The package, and the SHA-256 of what is taken from it.
const VERSION: &str = "4.14.1";
const HASH: &str = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c";
const FILE: &str = "package/axe.min.js";

/// A wide page in a light theme, and a narrow one in a dark theme.
const EVERYWHERE: [(&str, u32); 2] = [("light", 1280), ("navy", 360)];
/// The pages that are looked at in all themes: a queue, a log, and a wide table.
const IN_ALL: [&str; 3] = ["ch03-rabbit-queue", "ch04-kafka-groups", "ch05-choose"];

/// What is closed at rest is read, too, once it is laid out and each run's frames are drawn.
const OPEN: &str = "
    window.opened = false;
    const open = () => {
        for (const it of document.querySelectorAll('details')) it.open = true;
        const isDrawn = it => it.querySelector('svg') && it.querySelector('details[open]');
        const all = [...document.querySelectorAll('.wire')].every(isDrawn);
        requestAnimationFrame(all ? () => requestAnimationFrame(() => window.opened = true) : open);
    };
    open();";

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_no_violation_on_any_page() {
    let Some((axe, window, server)) = reading().await else {
        return;
    };
    let mut problems = Vec::new();
    for page in book().unwrap().pages().unwrap() {
        let slug = &page.slug;
        let mut looks = EVERYWHERE.to_vec();
        if IN_ALL.contains(&slug.as_str()) {
            looks.extend(THEMES.map(|theme| (theme, 1280)));
        }
        for (theme, width) in looks {
            window.resize(width, HEIGHT).await;
            window.page.goto(server.page(slug)).await.unwrap();
            open_all(&window).await;
            let found = axe.violations(&window, theme).await;
            problems.extend(found.map(|it| format!("{slug}, {theme}, {width} px: {it}")));
        }
    }
    none(&problems);
    window.close().await;
}

/// A run that is looked into, with all that it puts on the page, and a prediction that can be answered.
#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_no_violation_in_what_opens() {
    let Some((axe, window, server)) = reading().await else {
        return;
    };
    let page = server.page("ch02-nats-pub-sub");
    window.page.goto(page).await.unwrap();
    look_inside(&window).await;
    window
        .until("document.querySelector('.run-panel .wire-frame')")
        .await;
    let predict = "document.querySelector('[data-prediction]')";
    window
        .run::<serde_json::Value>(&format!("{predict}.scrollIntoView()"))
        .await;
    window
        .until(&format!("{predict}.classList.contains('answerable')"))
        .await;
    axe.reads(&window).await;

    window.page.goto(server.page("progress")).await.unwrap();
    let tools = "document.querySelectorAll('.progress-tools button').length === 3";
    window.until(tools).await;
    let reset = By::XPath("//main//button[text()='Reset']");
    let reset = window.page.find(reset).await.unwrap();
    reset.send_keys(Key::Enter + "").await.unwrap();
    window.until("document.querySelector('dialog[open]')").await;
    axe.reads(&window).await;
    window.close().await;
}

/// axe-core, a window, and the book. None where a program is missing, which is said.
async fn reading() -> Option<(Axe, Window, Server)> {
    let axe = Axe::fetch()?;
    let window = Window::open().await?;
    let server = Server::start(None).await;
    window.page.goto(&server.entrance).await.unwrap();
    Some((axe, window, server))
}

async fn open_all(window: &Window) {
    window.run::<serde_json::Value>(OPEN).await;
    window.until("window.opened").await;
}

/// axe-core's script.
pub struct Axe(String);

impl Axe {
    /// None without npm, which is said.
    pub fn fetch() -> Option<Axe> {
        Some(Axe(std::fs::read_to_string(script()?).unwrap()))
    }

    /// # Panics
    /// When it finds something wrong, in any theme, with the page as it is and all in it opened.
    pub async fn reads(&self, window: &Window) {
        open_all(window).await;
        let mut problems = Vec::new();
        for theme in THEMES {
            let found = self.violations(window, theme).await;
            problems.extend(found.map(|it| format!("{theme}: {it}")));
        }
        none(&problems);
    }

    /// What it finds wrong with the page as it is, in a theme.
    async fn violations(&self, window: &Window, theme: &str) -> impl Iterator<Item = String> {
        let Axe(script) = self;
        if !window.holds("window.axe").await {
            window.run::<serde_json::Value>(script).await;
        }
        let look = format!(
            "document.documentElement.classList.remove('light', 'rust', 'coal', 'navy', 'ayu');
             document.documentElement.classList.add('{theme}');
             window.found = null;
             axe.run({{resultTypes: ['violations']}}).then(all => window.found = all, error => window.found = String(error));"
        );
        window.run::<serde_json::Value>(&look).await;
        window.until("window.found").await;
        let found: Vec<Violation> = window
            .run(
                "if (typeof window.found === 'string') throw new Error(window.found);
                 return window.found.violations.map(({id, help, nodes}) => ({id, help, nodes:
                     nodes.map(it => [it.target.join(' '), it.failureSummary])}));",
            )
            .await;
        found.into_iter().map(told)
    }
}

#[derive(Deserialize)]
struct Violation {
    id: String,
    help: String,
    /// Where, and what is wrong there.
    nodes: Vec<(String, String)>,
}

fn told(Violation { id, help, nodes }: Violation) -> String {
    let count = nodes.len();
    let places: Vec<String> = nodes
        .into_iter()
        .take(3)
        .map(|(place, why)| format!("\n    {place}: {}", why.replace('\n', " ")))
        .collect();
    format!("{help} ({id}), {count} times{}", places.concat())
}

/// axe-core, from the book's cache folder or else through npm. None without npm, which is said.
fn script() -> Option<PathBuf> {
    let folder = brokers::cache::folder().unwrap().join("axe-core");
    let kept = folder.join(format!("{VERSION}.js"));
    if is_whole(&kept) {
        return Some(kept);
    }
    if !on_path("npm") {
        skipped(
            "there is no npm, which fetches axe-core",
            "apt-get install npm",
        );
        return None;
    }
    std::fs::create_dir_all(&folder).unwrap();
    let incoming = tempfile::tempdir_in(&folder).unwrap();
    let package = format!("axe-core@{VERSION}");
    let mut npm = Command::new("npm");
    npm.args(["pack", &package, "--ignore-scripts", "--silent"]);
    ran(npm.current_dir(&incoming));
    let mut tar = Command::new("tar");
    tar.args(["-xzf", &format!("axe-core-{VERSION}.tgz"), FILE]);
    ran(tar.current_dir(&incoming));
    let file = incoming.path().join(FILE);
    assert!(
        is_whole(&file),
        "{package} is not the package that the book knows; see HASH in {}",
        file!()
    );
    std::fs::rename(&file, &kept).unwrap();
    Some(kept)
}

/// # Panics
/// When it fails; what it said is told.
fn ran(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "axe-core cannot be fetched: {command:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn is_whole(file: &Path) -> bool {
    let Ok(content) = std::fs::read(file) else {
        return false;
    };
    let hash = Sha256::digest(content);
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    hash == HASH
}
