//! A copy of the book whose exercises a test may solve: what is written there is its own, and so is
//! the reader's progress. All else is the repository's, by links.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use book_tests::programs::programs;
use book_tests::root;
use brokers::gated;
use tokio::process::Command;

/// The folder of the copy, beside its manifest. A package in it has another path in its workspace
/// than the repository's own has, so cargo takes the two for different ones.
const COPY: &str = "copy";

/// The copy. No other test has one while this lives.
pub struct Copy {
    base: PathBuf,
    _lock: File,
}

impl Copy {
    /// Lays it, as nobody has touched it. It always lies in the same place: what cargo has built there
    /// is good for the next one.
    pub fn lay() -> Copy {
        let base = root().join("target/browser/solve");
        fs::create_dir_all(&base).unwrap();
        let lock = File::create(base.join("lock")).unwrap();
        lock.lock().unwrap();
        let copy = Copy { base, _lock: lock };
        if copy.path().exists() {
            fs::remove_dir_all(copy.path()).unwrap();
        }
        let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
        let moved = [
            "book/crates/",
            "chapters/*",
            "exercises/*",
            "solutions/*",
            "tests",
        ]
        .iter()
        .fold(manifest, |text, it| {
            text.replace(&format!("\"{it}"), &format!("\"{COPY}/{it}"))
        });
        fs::write(copy.base.join("Cargo.toml"), moved).unwrap();
        fs::copy(root().join("Cargo.lock"), copy.base.join("Cargo.lock")).unwrap();
        // The grader finds the book from its own folder.
        for folder in ["book", "book/crates", "book/crates/grader"] {
            fs::create_dir_all(copy.path().join(folder)).unwrap();
            link_all(&root().join(folder), &copy.path().join(folder));
        }
        for name in ["Cargo.lock", "book.toml", "chapters", "solutions", "tests"] {
            symlink(root().join(name), copy.path().join(name)).unwrap();
        }
        copy_all(&root().join("exercises"), &copy.path().join("exercises"));
        copy
    }

    /// Its top folder.
    pub fn path(&self) -> PathBuf {
        self.base.join(COPY)
    }

    /// The learner's file of an exercise.
    pub fn main(&self, exercise: &str) -> PathBuf {
        self.path()
            .join("exercises")
            .join(exercise)
            .join("src/main.rs")
    }

    /// A `cargo book serve` of it. Other packages than its own are built where the repository's are.
    pub fn serve(&self) -> Command {
        let program = |name| programs().path(name).unwrap();
        let target = std::env::var_os("CARGO_TARGET_DIR");
        let mut command = gated(program("companion"));
        command
            .current_dir(self.path())
            .env("MDBOOK_PREPROCESSOR__PRESS__COMMAND", program("press"))
            .env(
                "CARGO_BUILD_BUILD_DIR",
                target.map_or(root().join("target"), PathBuf::from),
            )
            .env_remove("CARGO_TARGET_DIR");
        command
    }
}

/// Links to all that is in a folder, but to what is there already.
fn link_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let link = to.join(entry.file_name());
        let made = ["book", "crates", "grader"]
            .iter()
            .any(|it| link.ends_with(it));
        if !made {
            symlink(entry.path(), link).unwrap();
        }
    }
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if from.is_dir() {
            copy_all(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}
