//! Chromium, driven by its chromedriver.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use book_tests::{root, skipped};
use brokers::{Group, Guard, Scratch, gated};
use thirtyfour::prelude::*;
use thirtyfour::{ChromeCapabilities, LoggingPrefsLogLevel};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{ChildStdout, Command};

/// What chromedriver says once it listens.
const READY: &str = "started successfully on port ";
/// How long a page may take until it shows what a test waits for. A listing that is run for the first
/// time is built first.
pub const LONG: Duration = Duration::from_secs(300);
/// How long a picture of it may take.
const SOON: Duration = Duration::from_secs(10);
/// How often a test looks.
const LOOK: Duration = Duration::from_millis(50);

/// A process of a test's own, with all that it starts. It ends with this value, and with the test.
pub struct Child {
    group: Group,
    _guard: Guard,
}

impl Child {
    /// Starts a [`brokers::gated`] command.
    pub async fn start(mut command: Command) -> Child {
        let mut guard = Guard::new().unwrap();
        let mut group = Group::spawn(&mut command).unwrap();
        guard.admit(&mut group.child).await.unwrap();
        Child {
            group,
            _guard: guard,
        }
    }

    pub fn stdout(&mut self) -> ChildStdout {
        self.group.child.stdout.take().unwrap()
    }
}

/// A window of Chromium.
pub struct Window {
    pub page: WebDriver,
    _driver: Child,
    // After the driver: Chromium leaves its profile and the socket by which it knows itself.
    _folder: Scratch,
}

impl Window {
    /// None where there is no chromedriver, which is said.
    pub async fn open() -> Option<Window> {
        let mut command = gated("chromedriver");
        let folder = Scratch::new().unwrap();
        command.arg("--port=0").stdout(Stdio::piped());
        command.env("TMPDIR", folder.path());
        if !on_path("chromedriver") {
            skipped(
                "there is no chromedriver",
                "apt-get install chromium chromium-driver",
            );
            return None;
        }
        let mut driver = Child::start(command).await;
        let mut lines = BufReader::new(driver.stdout()).lines();
        let port: u16 = loop {
            let line = lines.next_line().await.unwrap();
            let line = line.expect("chromedriver has ended; see above");
            if let Some((_, port)) = line.split_once(READY) {
                break port.trim_end_matches('.').parse().unwrap();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let mut wanted = DesiredCapabilities::chrome();
        options(&mut wanted).unwrap();
        let page = WebDriver::new(format!("http://127.0.0.1:{port}"), wanted);
        Some(Window {
            page: page.await.unwrap(),
            _driver: driver,
            _folder: folder,
        })
    }

    /// The size of what shows the page, in CSS pixels.
    pub async fn resize(&self, width: u32, height: u32) {
        let emulation = self.page.cdp();
        let emulation = emulation.emulation();
        let size = emulation.set_device_metrics_override(width, height, 1.0, false);
        size.await.unwrap();
    }

    /// Runs a script in the page, and gives what it returns.
    pub async fn run<T: serde::de::DeserializeOwned>(&self, script: &str) -> T {
        let value = self.page.execute(script, Vec::new()).await.unwrap();
        value.convert().unwrap()
    }

    /// Whether a condition in JavaScript holds.
    pub async fn holds(&self, condition: &str) -> bool {
        self.run(&format!("return Boolean({condition})")).await
    }

    /// Returns once a condition in JavaScript holds.
    pub async fn until(&self, condition: &str) {
        let holds = async {
            let mut look = tokio::time::interval(LOOK);
            while !self.holds(condition).await {
                look.tick().await;
            }
        };
        if tokio::time::timeout(LONG, holds).await.is_err() {
            let page = self.run::<String>("return document.body.innerText").await;
            panic!("it never held: {condition}; the page:\n{page}");
        }
    }

    /// What the browser has complained about since it was asked last.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.page.browser_log().await.unwrap();
        let severe = log.into_iter().filter(|entry| entry.level == "SEVERE");
        severe.map(|entry| entry.message).collect()
    }

    pub async fn close(self) {
        self.page.clone().quit().await.unwrap();
    }

    /// Keeps what the window shows, by the test's name.
    async fn keep_picture(&self) {
        let folder = root().join("target/browser");
        let test = std::thread::current();
        let name = test.name().unwrap_or("test").replace("::", "-");
        let picture = folder.join(format!("{name}.png"));
        let shown = async {
            std::fs::create_dir_all(&folder)?;
            self.page.screenshot(&picture).await?;
            WebDriverResult::Ok(())
        };
        let (at, shown) = (picture.display(), tokio::time::timeout(SOON, shown).await);
        match shown {
            Ok(Ok(())) => eprintln!("what the window shows is in {at}"),
            _ => eprintln!("what the window shows cannot be kept in {at}: {shown:?}"),
        }
    }
}

/// A test that fails keeps a picture.
impl Drop for Window {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let runtime = tokio::runtime::Handle::current();
            tokio::task::block_in_place(|| runtime.block_on(self.keep_picture()));
        }
    }
}

fn options(wanted: &mut ChromeCapabilities) -> WebDriverResult<()> {
    for argument in [
        "--headless=new",
        // The book's pages and its own server are all that it sees.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
    ] {
        wanted.add_arg(argument)?;
    }
    wanted.set_browser_log_level(LoggingPrefsLogLevel::All)
}

pub fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| Path::new(&folder).join(program).is_file())
}
