//! `cargo book serve`, for as long as a test needs it.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use book_tests::programs::programs;
use book_tests::root;
use book_tests::warm::Warm;
use brokers::{Scratch, gated};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::chromium::Child;

/// What it says once it serves.
const READY: &str = "the book is at ";

/// The warm brokers of all tests that need some at this moment. They end with the last of these.
pub fn warm() -> Arc<Warm> {
    static WARM: Mutex<Weak<Warm>> = Mutex::new(Weak::new());
    let mut shared = WARM.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let warm = Arc::new(Warm::start(programs()).unwrap());
        *shared = Arc::downgrade(&warm);
        warm
    })
}

/// The served book. It ends with this value, and with the test.
pub struct Server {
    /// The address for a reader's first visit.
    pub entrance: String,
    /// The folder of the reader's own files.
    pub own: PathBuf,
    _program: Child,
    book: Scratch,
}

impl Server {
    /// A page of the built book as a file, with no server behind it.
    pub fn file(&self, page: &str) -> String {
        format!(
            "file://{}",
            self.book.path().join("book").join(page).display()
        )
    }

    /// Its listings take the warm brokers, where there are some.
    pub async fn start(warm: Option<&Warm>) -> Server {
        let mut command = gated(programs().path("companion").unwrap());
        command.current_dir(root());
        Server::of(command, warm).await
    }

    /// The same of another book.
    pub async fn of(mut command: Command, warm: Option<&Warm>) -> Server {
        let book = Scratch::new().unwrap();
        let own = book.path().join("own");
        command
            .args(["serve", "--no-open", "--port", "0"])
            // Another test may build the book, too.
            .env("MDBOOK_BUILD__BUILD_DIR", book.path().join("book"))
            // What a test does is not what the reader of this folder has done.
            .env("BOOK_OWN", &own)
            .stdout(Stdio::piped());
        if let Some(warm) = warm {
            command.env("BOOK_CACHE", warm.cache());
        }
        let mut program = Child::start(command).await;
        let stdout = program.stdout();
        let mut lines = BufReader::new(stdout).lines();
        loop {
            let line = lines.next_line().await.unwrap();
            let line = line.expect("the server has ended; see above");
            if let Some(entrance) = line.strip_prefix(READY) {
                let entrance = entrance.to_owned();
                // It may go on to write.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Server {
                    entrance,
                    own,
                    _program: program,
                    book,
                };
            }
        }
    }

    /// The address of a page.
    pub fn page(&self, slug: &str) -> String {
        let parts: Vec<&str> = self.entrance.splitn(4, '/').collect();
        format!("{}/{slug}.html", parts[..3].join("/"))
    }
}
