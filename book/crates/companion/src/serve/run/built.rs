//! What was built for a page before, so that cargo need not be asked again where nothing has
//! changed since: its look at several hundred packages takes longer than a short listing. Kept in a
//! file, so that this holds for the next server, too.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use companion::runner::Invocation;
use serde::{Deserialize, Serialize};

/// The programs that a server has built.
#[derive(Default)]
pub struct Built {
    /// Where they are kept in mind; nowhere in a book whose own folder cannot be made.
    file: Option<PathBuf>,
    programs: Mutex<Vec<Program>>,
}

#[derive(Serialize, Deserialize)]
struct Program {
    package: String,
    /// What it was built with.
    features: Vec<String>,
    path: PathBuf,
    /// When the program's file was written: built with other features, it is another one.
    written: SystemTime,
    /// When cargo was asked: what is saved after that may not be in the program.
    asked: SystemTime,
}

impl Program {
    fn is(&self, wanted: &Invocation) -> bool {
        self.package == wanted.package && self.features == wanted.features
    }
}

impl Built {
    /// Those that this file tells of. One that cannot be read tells of none: cargo is asked again.
    pub fn read(file: Option<PathBuf>) -> Built {
        let text = file.as_ref().and_then(|it| std::fs::read(it).ok());
        let programs = text.and_then(|it| serde_json::from_slice(&it).ok());
        Built {
            file,
            programs: Mutex::new(programs.unwrap_or_default()),
        }
    }

    /// The program of a listing, where no source of it has changed since cargo was asked for it.
    pub fn fresh(&self, root: &Path, wanted: &Invocation) -> Option<PathBuf> {
        let programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        let program = programs.iter().find(|program| program.is(wanted))?;
        let is_same = written(&program.path) == Some(program.written);
        let sources = sources(root, &program.path)?;
        let is_older = |path: &PathBuf| written(path).is_some_and(|it| it < program.asked);
        (is_same && sources.iter().all(is_older)).then(|| program.path.clone())
    }

    /// Keeps in mind that cargo was asked at this time, and has given this program.
    pub fn keep(&self, wanted: &Invocation, path: &Path, asked: SystemTime) {
        let Some(written) = written(path) else {
            return;
        };
        let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        programs.retain(|program| !program.is(wanted));
        programs.push(Program {
            package: wanted.package.clone(),
            features: wanted.features.clone(),
            path: path.to_owned(),
            written,
            asked,
        });
        if let Some(file) = &self.file {
            // Without it the next server asks cargo once more: no harm to a run.
            let _ = catalog::write_whole(file, &*programs);
        }
    }
}

fn written(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

/// The sources of a program, as cargo tells them in the file beside it; with the manifests of their
/// packages, the workspace's own, the lock file and cargo's settings. Other packages only change
/// with the lock file.
fn sources(root: &Path, program: &Path) -> Option<HashSet<PathBuf>> {
    let told = std::fs::read_to_string(program.with_extension("d")).ok()?;
    let (_, paths) = told.lines().next()?.split_once(": ")?;
    // A space within a path has a backslash before it.
    let paths = paths.replace("\\ ", "\0");
    let paths = paths.split(' ').map(|path| path.replace('\0', " "));
    let mut all: HashSet<PathBuf> = paths.map(PathBuf::from).collect();
    let folders = all.iter().flat_map(|source| source.ancestors().skip(1));
    let manifests: HashSet<PathBuf> = folders
        .filter(|folder| folder.starts_with(root))
        .map(|folder| folder.join("Cargo.toml"))
        .filter(|manifest| manifest.exists())
        .collect();
    all.extend(manifests);
    let others = ["Cargo.toml", "Cargo.lock", ".cargo/config.toml"].map(|it| root.join(it));
    all.extend(others.into_iter().filter(|path| path.exists()));
    Some(all)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs::File;
    use std::time::Duration;

    use super::*;

    /// A repository whose one program was built a minute after its sources were saved.
    struct Book {
        folder: tempfile::TempDir,
        built: Built,
        wanted: Invocation,
    }

    const ROOT: &str = "a b";

    impl Book {
        fn new() -> Book {
            let folder = tempfile::tempdir().unwrap();
            let book = Book {
                folder,
                built: Built::default(),
                wanted: Invocation {
                    package: "ch01-x".to_owned(),
                    features: Vec::new(),
                    arguments: Vec::new(),
                },
            };
            for file in ["Cargo.toml", "Cargo.lock", "x/Cargo.toml", "x/src/main.rs"] {
                book.save(file, 0);
            }
            book.save("target/ch01-x", 61);
            let source = book.root().join("x/src/main.rs");
            let told = format!(
                "program: {}\n",
                source.to_str().unwrap().replace(' ', "\\ ")
            );
            std::fs::write(book.root().join("target/ch01-x.d"), told).unwrap();
            book.built
                .keep(&book.wanted, &book.root().join("target/ch01-x"), at(60));
            book
        }

        fn root(&self) -> PathBuf {
            self.folder.path().join(ROOT)
        }

        /// Writes a file at this second.
        fn save(&self, file: &str, second: u64) {
            let path = self.root().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            File::create(path)
                .unwrap()
                .set_modified(at(second))
                .unwrap();
        }

        fn fresh(&self) -> bool {
            self.built.fresh(&self.root(), &self.wanted).is_some()
        }
    }

    fn at(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + second)
    }

    #[test]
    fn a_program_is_fresh_until_something_that_it_is_made_of_is_saved() {
        assert!(Book::new().fresh());
        for file in ["x/src/main.rs", "x/Cargo.toml", "Cargo.toml", "Cargo.lock"] {
            for second in [60, 70] {
                let book = Book::new();
                book.save(file, second);
                assert!(!book.fresh(), "{file} at {second}");
            }
        }
        let book = Book::new();
        book.save(".cargo/config.toml", 70);
        assert!(!book.fresh());
    }

    #[test]
    fn what_a_server_has_built_is_fresh_for_the_next_one() {
        let book = Book::new();
        let file = book.root().join("built.json");
        let program = book.root().join("target/ch01-x");
        Built::read(Some(file.clone())).keep(&book.wanted, &program, at(60));
        let next = || Built::read(Some(file.clone())).fresh(&book.root(), &book.wanted);
        assert_eq!(next(), Some(program));
        book.save("x/src/main.rs", 70);
        assert_eq!(next(), None);
        std::fs::write(&file, "[{").unwrap();
        assert_eq!(next(), None);
    }

    #[test]
    fn what_is_gone_or_built_otherwise_is_not_fresh() {
        for file in ["x/src/main.rs", "target/ch01-x", "target/ch01-x.d"] {
            let book = Book::new();
            std::fs::remove_file(book.root().join(file)).unwrap();
            assert!(!book.fresh(), "{file}");
        }
        let book = Book::new();
        book.save("target/ch01-x", 70);
        assert!(!book.fresh());
        let mut book = Book::new();
        book.wanted.features.push("kafka".to_owned());
        assert!(!book.fresh());
    }
}
