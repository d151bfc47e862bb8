//! An exercise, with stand-ins for cargo and for its grader.

use std::process::Command;

use super::Repository;
use super::http::Server;
use super::page::Stage;
use super::program::{Running, book};

/// A repository with an exercise whose grader says how it is called and ends with code 7.
pub fn with_exercise(id: &str) -> Repository {
    let repository = Repository::new();
    exercise(&repository, id);
    script(&repository, "grader.sh", "echo verdict \"$*\"; exit 7");
    let top = repository.path().display();
    let message = format!(
        r#"{{"reason":"compiler-artifact","manifest_path":"{top}/exercises/{id}/Cargo.toml","target":{{"name":"grade","kind":["test"]}},"executable":"{top}/grader.sh"}}"#
    );
    let cargo = format!("echo \"$*\" >> calls; echo '{message}'");
    script(&repository, "cargo.sh", &cargo);
    repository
}

/// A repository in which cargo gives the programs of the exercise `ex03-once` and of its
/// answers, and the grader does this.
pub fn solved(grader: &str) -> Repository {
    let repository = with_exercise("ex03-once");
    let top = repository.path().display();
    let artifact = |(name, kind): (&str, &str)| {
        format!(
            r#"{{"reason":"compiler-artifact","manifest_path":"{top}/solutions/ex03-once/Cargo.toml","target":{{"name":"{name}","kind":["{kind}"]}},"executable":"{top}/grader.sh"}}"#
        )
    };
    let programs = [
        ("grade", "test"),
        ("sol03-once", "bin"),
        ("ex03-once-stub", "example"),
    ];
    let built = programs.map(artifact).join("\n");
    script(
        &repository,
        "cargo.sh",
        &format!("cat <<'END'\n{built}\nEND"),
    );
    script(&repository, "grader.sh", grader);
    repository
}

/// The learner's file of that exercise.
pub const MAIN: &str = "exercises/ex03-once/src/main.rs";

/// A page of the exercise `ex03-once`, served.
pub fn served(repository: Repository) -> Stage {
    let server = serve(&repository);
    Stage::of(repository, server)
}

/// `cargo book serve` with the stand-in for cargo.
pub fn serve(repository: &Repository) -> Server {
    let mut command = book(repository, &["serve", "--no-open", "--port", "0"]);
    command.env("CARGO", repository.path().join("cargo.sh"));
    Server::from(Running::start(&mut command))
}

pub fn exercise(repository: &Repository, id: &str) {
    let (number, slug) = id.trim_start_matches("ex").split_once('-').unwrap();
    let manifest =
        |package: &str, metadata: &str| format!("[package]\nname = \"{package}\"\n{metadata}\n");
    let about = "[package.metadata.book]\npage = \"index\"\nrung = \"build\"";
    repository.write(&format!("exercises/{id}/Cargo.toml"), &manifest(id, about));
    let readme = "# Once\n\nWrite it.\n\n## Hint 1\n\nA\n\n## Hint 2\n\nB\n\n## Hint 3\n\nC\n";
    repository.write(&format!("exercises/{id}/README.md"), readme);
    repository.write(&format!("exercises/{id}/src/main.rs"), "// stub\n");
    let naive = "[package.metadata.book.naive]\n";
    let solution = manifest(&format!("sol{number}-{slug}"), naive);
    repository.write(&format!("solutions/{id}/Cargo.toml"), &solution);
    repository.write(
        &format!("solutions/{id}/examples/{id}-stub.rs"),
        "// stub\n",
    );
}

/// Writes a program. A shell writes it: had this process the file open, a test beside this one could
/// start a child that holds it open, too, and a file that somebody writes cannot be run.
pub fn script(repository: &Repository, name: &str, text: &str) {
    let write = r#"printf '#!/bin/sh\n%s\n' "$2" > "$1" && chmod 755 "$1""#;
    let path = repository.path().join(name);
    let shell = Command::new("sh")
        .args(["-c", write, "sh"])
        .arg(path)
        .arg(text)
        .status();
    assert!(shell.unwrap().success());
}
