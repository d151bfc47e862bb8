//! Every recorded output is produced again and compared, and every one is shown.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use book_tests::programs::{Programs, featured};
use book_tests::tidy::pages::all_directives;
use book_tests::warm::Warm;
use book_tests::{book, none, readme, say, shim};
use brokers::Scratch;
use catalog::{Catalog, Chapter, Transcript, canonical};
use companion::runner::Invocation;
use tempfile::TempDir;
use trycmd::TestCases;

/// The programs of all recorded commands.
fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let book = book().unwrap();
        let transcripts = all(&book).into_iter();
        let commands: Vec<String> = transcripts.map(|(_, it)| it.command).collect();
        featured(commands.iter().map(String::as_str)).unwrap()
    })
}

/// Built as it is by default, a program says how to build it with a broker's client.
#[test]
fn a_broker_without_its_feature_is_told_with_the_command() {
    let cases = [
        (
            "ch01-pub-sub",
            "rabbitmq,kafka",
            "--broker rabbitmq --late yes",
        ),
        (
            "ch01-pub-sub",
            "rabbitmq,kafka",
            "--broker kafka --late yes",
        ),
        ("ch01-queue-or-log", "kafka", "--through log"),
    ];
    for (package, features, arguments) in cases {
        let mut program = Command::new(programs().path(package).unwrap());
        program.args(arguments.split(' '));
        let output = program.env("RUST_BACKTRACE", "0").output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        let said = String::from_utf8(output.stderr).unwrap();
        let command = said.trim_end().lines().last().unwrap().trim();
        let expected = format!("cargo run -p {package} --features {features} -- {arguments}");
        assert_eq!(command, expected);
        assert!(said.starts_with("Error: this program was built without"));
        // Which is a program that there is.
        let invocation = Invocation::parse(command).unwrap();
        assert!(programs().of(&invocation).unwrap().is_file());
    }
}

/// Every recorded run, and every command of the README with what it shows.
#[test]
fn what_is_recorded_and_what_the_readme_shows_is_produced_again() {
    let folder = Scratch::new().unwrap();
    let list = folder.path().join("programs.json");
    let book = book().unwrap();
    programs().save(&list).unwrap();
    let warm = Warm::start(programs()).unwrap();
    let unlike = Scratch::new().unwrap();
    let runner = TestCases::new();
    runner
        .register_bin("cargo", Path::new(env!("CARGO_BIN_EXE_cargo-shim")))
        .env(shim::PROGRAMS, list.to_str().unwrap())
        .env(shim::UNLIKE, unlike.path().to_str().unwrap())
        .env("BOOK_CACHE", warm.cache().to_str().unwrap());
    let recorded = all(&book)
        .into_iter()
        .filter(|(chapter, transcript)| !is_too_new(chapter, transcript))
        .map(|(_, transcript)| transcript.path);
    let cases: Vec<PathBuf> = recorded.chain(readme_cases(&book, folder.path())).collect();
    // trycmd passes where there is nothing to run.
    assert!(
        !cases.is_empty(),
        "there is no transcript to run; record one with `cargo book accept`"
    );
    for case in cases {
        runner.case(case);
    }
    let ran = catch_unwind(AssertUnwindSafe(|| runner.run()));
    // trycmd shows the differences among hundreds of lines; these come last.
    let unlike = std::fs::read_dir(unlike.path()).unwrap();
    let unlike = unlike.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    none(&unlike.collect::<Vec<String>>());
    ran.unwrap();
}

/// Whether the oldest brokers are asked for, and cannot do this run.
fn is_too_new(chapter: &Chapter, transcript: &Transcript) -> bool {
    let name = transcript.path.file_stem().unwrap().to_string_lossy();
    let floor = std::env::var("BOOK_RELEASE").is_ok_and(|release| release == "floor");
    let needs = chapter.newer.get(name.as_ref()).filter(|_| floor);
    if let Some(needs) = needs {
        say(&format!("skipped: {}/{name} needs {needs}", chapter.id));
    }
    needs.is_some()
}

/// The README's commands as cases, in files in `folder`.
fn readme_cases(book: &Catalog, folder: &Path) -> Vec<PathBuf> {
    let blocks = commands(&readme().unwrap());
    let case = |(index, (command, output)): (usize, &(String, Vec<String>))| {
        let lanes =
            chapter(command).map_or(Vec::new(), |id| book.chapter(id).unwrap().lanes.clone());
        let path = folder.join(format!("readme-{index}.trycmd"));
        let text = Transcript::trycmd(command, 0, &canonical(output, &lanes).unwrap());
        std::fs::write(&path, text).unwrap();
        path
    };
    blocks.iter().enumerate().map(case).collect()
}

fn all(book: &Catalog) -> Vec<(&Chapter, Transcript)> {
    let mut transcripts = Vec::new();
    for chapter in book.chapters() {
        for name in chapter.transcripts().unwrap() {
            transcripts.push((chapter, book.transcript(&chapter.id, &name).unwrap()));
        }
    }
    transcripts
}

#[test]
fn what_is_too_new_is_a_recorded_run() {
    let mut problems = Vec::new();
    for chapter in book().unwrap().chapters() {
        let transcripts = chapter.transcripts().unwrap();
        let missing = chapter
            .newer
            .keys()
            .filter(|name| !transcripts.contains(name));
        problems.extend(missing.map(|name| {
            format!(
                "chapters/{}/Cargo.toml: `newer` names {name}, and there is no such transcript; \
                 correct it",
                chapter.id
            )
        }));
    }
    none(&problems);
}

#[test]
fn the_readmes_output_is_recorded() {
    let readme = readme().unwrap();
    let book = book().unwrap();
    let recorded: Vec<(String, Vec<String>)> = all(&book)
        .into_iter()
        .filter_map(|(_, transcript)| Some((transcript.command, transcript.run?.output())))
        .collect();
    let blocks = commands(&readme)
        .into_iter()
        .filter(|(command, _)| chapter(command).is_some());
    let typed = blocks.filter(|block| !recorded.contains(block));
    none(
        &typed
            .map(|(command, _)| format!("README.md: the output of `{command}` is not the recorded one; copy it from the run.json"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn the_recorded_lines_are_those_compared() {
    let book = book().unwrap();
    let problems = all(&book).into_iter().flat_map(|(chapter, transcript)| {
        recorded(chapter, &transcript)
            .into_iter()
            .map(move |problem| {
                format!(
                    "chapters/{}/transcripts/{}.run.json: {problem}",
                    chapter.id, transcript.name
                )
            })
    });
    none(&problems.collect::<Vec<_>>());
}

#[test]
fn pages_show_all_transcripts_and_no_others() {
    let book = book().unwrap();
    let shown = all_directives(&book)
        .unwrap()
        .into_iter()
        .filter(|(_, found)| found.name == "transcript");
    let shown: Vec<(String, String)> = shown
        .map(|(page, found)| (format!("{page}:{}", found.line), found.argument))
        .collect();
    let names: BTreeSet<String> = all(&book)
        .into_iter()
        .map(|(chapter, transcript)| format!("{}/{}", chapter.id, transcript.name))
        .collect();
    none(&unequal(&shown, &names));
}

#[test]
fn a_transcripts_folder_holds_pairs_of_files() {
    let book = book().unwrap();
    let mut problems = Vec::new();
    for chapter in book.chapters() {
        let folder = chapter.dir.join("transcripts");
        let files = std::fs::read_dir(&folder).into_iter().flatten();
        let names: Vec<String> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        problems.extend(
            unpaired(&names)
                .into_iter()
                .map(|problem| format!("{}: {problem}", book.shown(&folder))),
        );
    }
    none(&problems);
}

/// The chapter that a command runs.
fn chapter(command: &str) -> Option<&str> {
    command.strip_prefix("cargo run -p ")?.split(' ').next()
}

/// The commands of a text's ```console blocks that run a listing or the companion, with what the
/// text shows as their output.
fn commands(text: &str) -> Vec<(String, Vec<String>)> {
    let mut blocks: Vec<(String, Vec<String>)> = Vec::new();
    let mut inside = false;
    let mut runs = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
            runs = false;
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            runs = command.starts_with("cargo run ") || command.starts_with("cargo book ");
            if runs {
                blocks.push((command.to_owned(), Vec::new()));
            }
        } else if let Some((_, output)) = blocks.last_mut().filter(|_| inside && runs) {
            output.push(line.to_owned());
        }
    }
    blocks
}

fn recorded(chapter: &Chapter, transcript: &Transcript) -> Vec<String> {
    let mut problems = Vec::new();
    let Some(run) = &transcript.run else {
        return vec!["it is missing; record it with `cargo book accept`".to_owned()];
    };
    match canonical(&run.output(), &chapter.lanes) {
        Err(error) => problems.push(format!("{error:#}")),
        Ok(lines) if lines != transcript.canonical => {
            problems.push("its lines are not those of the .trycmd; record both again".to_owned());
        }
        Ok(_) => {}
    }
    if run.command != transcript.command || run.exit != transcript.status {
        problems.push(
            "its command or exit code is not that of the .trycmd; record both again".to_owned(),
        );
    }
    if self::chapter(&run.command) != Some(chapter.id.as_str()) {
        problems.push(format!(
            "its command does not run {}; move it to the chapter that it runs",
            chapter.id
        ));
    }
    let is_version =
        |text: &str| text.split('.').count() > 1 && text.starts_with(|c: char| c.is_ascii_digit());
    let told = run
        .broker
        .as_ref()
        .map(|broker| !broker.name.is_empty() && is_version(&broker.version));
    let needed = !chapter.brokers.is_empty();
    if told != needed.then_some(true) {
        problems.push(
            "it does not say which broker answered, and its version; record it again".to_owned(),
        );
    }
    let named = run
        .client
        .split_once(' ')
        .is_some_and(|(name, version)| !name.is_empty() && is_version(version));
    if named != needed {
        problems.push(
            "it does not say which client was used, and its version; record it again".to_owned(),
        );
    }
    let date: Vec<&str> = run.date.split('-').collect();
    if date.iter().map(|part| part.len()).ne([4, 2, 2])
        || !run.date.bytes().all(|b| b == b'-' || b.is_ascii_digit())
    {
        problems.push(format!("`{}` is no date; record it again", run.date));
    }
    let silent = run.wire.is_empty() && run.rest.is_empty();
    if needed && silent {
        problems.push("no frame of it is recorded; record it again".to_owned());
    }
    if run.lines.windows(2).any(|pair| pair[0].ms > pair[1].ms) {
        problems.push("its lines are not in the order of their times; record it again".to_owned());
    }
    problems
}

fn unequal(shown: &[(String, String)], names: &BTreeSet<String>) -> Vec<String> {
    let mut problems = Vec::new();
    for (place, name) in shown {
        if !names.contains(name) {
            problems.push(format!(
                "{place}: there is no transcript {name}; record it with `cargo book accept {name}`"
            ));
        }
    }
    for name in names {
        if !shown.iter().any(|(_, other)| other == name) {
            problems.push(format!(
                "no page shows the transcript {name}; show it with {{{{#transcript {name}}}}} or remove its two files"
            ));
        }
    }
    problems
}

fn unpaired(names: &[String]) -> Vec<String> {
    let mut problems = Vec::new();
    for name in names {
        let other = match (name.strip_suffix(".trycmd"), name.strip_suffix(".run.json")) {
            (Some(stem), _) => format!("{stem}.run.json"),
            (_, Some(stem)) => format!("{stem}.trycmd"),
            _ => {
                problems.push(format!(
                    "{name} is neither NAME.trycmd nor NAME.run.json; remove it"
                ));
                continue;
            }
        };
        if !names.contains(&other) {
            problems.push(format!(
                "{name} stands without {other}; record both with `cargo book accept`"
            ));
        }
    }
    problems
}

mod the_checks_themselves {
    use super::*;

    #[test]
    fn commands_are_found_in_console_blocks_only() {
        let text = "```console\n$ cargo run -p a -- -x\nout\n\n$ git clone\nno\n$ cargo book status\n```\n\
                    $ cargo run -p b\n```sh\n$ cargo run -p c\n```\n```console\n$ cargo test\nno\n```\n";
        assert_eq!(
            commands(text),
            [
                (
                    "cargo run -p a -- -x".to_owned(),
                    vec!["out".to_owned(), String::new()]
                ),
                ("cargo book status".to_owned(), Vec::new()),
            ]
        );
        assert_eq!(chapter("cargo run -p a -- -x"), Some("a"));
        assert_eq!(chapter("cargo book status"), None);
    }

    #[test]
    fn a_transcript_shown_or_recorded_alone_is_told() {
        let names = BTreeSet::from(["a/one".to_owned(), "a/two".to_owned()]);
        let shown = |name: &str| ("book/src/a.md:3".to_owned(), name.to_owned());
        assert_eq!(unequal(&[shown("a/one"), shown("a/two")], &names), [""; 0]);
        assert_eq!(
            unequal(&[shown("a/one"), shown("a/tow")], &names),
            [
                "book/src/a.md:3: there is no transcript a/tow; record it with `cargo book accept a/tow`",
                "no page shows the transcript a/two; show it with {{#transcript a/two}} or remove its two files",
            ]
        );
    }

    #[test]
    fn a_file_without_its_other_is_told() {
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(unpaired(&names(&["a.trycmd", "a.run.json"])), [""; 0]);
        assert_eq!(
            unpaired(&names(&["a.trycmd", "b.run.json", "c.txt"])).len(),
            3
        );
    }

    /// A chapter with one transcript, and the transcript after a change to one of its two files.
    fn problems(trycmd: &str, run: (&str, &str)) -> Vec<String> {
        let folder = TempDir::new().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let json = r#"{"command": "cargo run -p a", "broker": {"name": "NATS", "version": "2.15.1"},
            "client": "async-nats 0.51.0", "date": "2026-11-24", "wire": ["1  x  ->  PUB  -  -"],
            "lines": [{"ms": 1, "lane": "y", "text": "1"}, {"ms": 2, "lane": "x", "text": "2"}]}"#;
        assert!(json.contains(run.0), "{}", run.0);
        write("book.toml", "");
        write(
            "chapters/a/Cargo.toml",
            "package = { name = 'a', metadata.book = { brokers = ['nats'], lanes = ['x', 'y'] } }",
        );
        write("chapters/a/transcripts/t.trycmd", trycmd);
        write(
            "chapters/a/transcripts/t.run.json",
            &json.replace(run.0, run.1),
        );
        let book = Catalog::open(folder.path()).unwrap();
        recorded(&book.chapters()[0], &book.transcript("a", "t").unwrap())
    }

    #[test]
    fn a_recording_that_differs_or_lacks_versions_is_told() {
        let good = "```console\n$ cargo run -p a\nx  2\ny  1\n```\n";
        assert_eq!(problems(good, ("", "")), [""; 0]);
        assert!(
            problems(&good.replace("x  2", "x  3"), ("", ""))[0]
                .contains("not those of the .trycmd")
        );
        assert!(
            problems(&good.replace("-p a\n", "-p a\n? 1\n"), ("", ""))[0].contains("exit code")
        );
        for (old, new, expected) in [
            ("-p a", "-p b", "its command or exit code"),
            ("\"lane\": \"y\"", "\"lane\": \"z\"", "the lane `z`"),
            ("2.15.1", "new", "which broker"),
            ("async-nats 0.51.0", "", "which client"),
            ("2026-11-24", "yesterday", "`yesterday` is no date"),
            ("\"ms\": 2", "\"ms\": 0", "order of their times"),
            ("\"1  x  ->  PUB  -  -\"", "", "no frame of it is recorded"),
        ] {
            let found = problems(good, (old, new));
            assert!(found[0].contains(expected), "{old} -> {new}: {found:?}");
        }
    }
}
