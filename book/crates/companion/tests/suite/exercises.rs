//! The commands around an exercise, with stand-ins for cargo and for the grader.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use crate::common::Repository;
use crate::common::exercise::{exercise, script, solved, with_exercise};
use crate::common::program::{Running, book, runs, stderr, stdout, until};
use rustix::process::Signal;

fn command(repository: &Repository, arguments: &[&str]) -> Command {
    let mut command = book(repository, arguments);
    command.env("CARGO", repository.path().join("cargo.sh"));
    command
}

pub fn finish(repository: &Repository, arguments: &[&str]) -> Output {
    command(repository, arguments).output().unwrap()
}

#[test]
fn grade_builds_the_exercise_and_becomes_its_grader() {
    let repository = with_exercise("ex03-once");
    let output = finish(
        &repository,
        &[
            "grade", "ex03", "--seed", "5", "--guess", "a=b", "--guess", "c=d",
        ],
    );
    assert_eq!(output.status.code(), Some(7), "{}", stderr(&output));
    assert_eq!(
        stdout(&output),
        "verdict --seed 5 --guess a=b --guess c=d\n"
    );
    assert_eq!(
        repository.read("calls"),
        "build --quiet --message-format=json-render-diagnostics --package ex03-once --test grade\n"
    );
}

#[test]
fn an_exercise_that_does_not_build_is_not_graded() {
    let repository = with_exercise("ex03-once");
    script(
        &repository,
        "cargo.sh",
        "echo 'error: no `main`' >&2; exit 101",
    );
    let output = finish(&repository, &["grade", "ex03-once"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "error: no `main`\nerror: cargo build failed\n"
    );
    assert_eq!(stdout(&output), "");
}

#[test]
fn an_exercise_is_known_by_the_beginning_of_its_name() {
    let repository = with_exercise("ex03-once");
    exercise(&repository, "ex03-late");
    for (name, said) in [
        (
            "ex03",
            "error: `ex03` is one of ex03-late, ex03-once; write more of it\n",
        ),
        (
            "ex03-onse",
            "error: there is no exercise `ex03-onse`; did you mean `ex03-once`?\n",
        ),
        (
            "",
            "error: `` is one of ex03-late, ex03-once; write more of it\n",
        ),
    ] {
        let output = finish(&repository, &["grade", name]);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(stderr(&output), said);
    }
    let output = finish(&repository, &["grade", "ex03-o"]);
    assert_eq!(stdout(&output), "verdict \n", "{}", stderr(&output));
}

#[test]
fn an_exercise_without_its_parts_is_told_with_the_file() {
    let repository = with_exercise("ex03-once");
    repository.write("exercises/ex03-once/README.md", "# Once\n");
    let output = finish(&repository, &["grade", "ex03"]);
    let said = stderr(&output);
    assert!(
        said.starts_with("error: exercises/ex03-once/README.md: it begins with"),
        "{said}"
    );
}

#[test]
fn each_hint_comes_when_it_is_asked_for() {
    let repository = with_exercise("ex03-once");
    let hint = || stdout(&finish(&repository, &["hint", "ex03"]));
    assert_eq!(hint(), "Hint 1 of 3\n\nA\n\n");
    assert_eq!(hint(), "Hint 2 of 3\n\nB\n\n");
    assert_eq!(hint(), "Hint 3 of 3\n\nC\n\n");
    let all = hint();
    assert!(all.starts_with("Hint 1 of 3\n\nA\n\nHint 2 of 3\n\nB\n\nHint 3 of 3\n\nC\n\n"));
    assert!(
        all.ends_with("The solution is solutions/ex03-once/src/main.rs\n"),
        "{all}"
    );
    assert_eq!(hint(), all);
    let progress = stdout(&finish(&repository, &["progress"]));
    assert!(progress.contains("· ex03-once  3 hints\n"), "{progress}");
}

fn reset(repository: &Repository, arguments: &[&str], answer: &str) -> Output {
    let command = command(repository, &["reset", "ex03"]);
    answered(command, arguments, answer)
}

/// The command with these arguments, and this answer on its standard input.
pub fn answered(mut command: Command, arguments: &[&str], answer: &str) -> Output {
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may have ended without reading it.
    let _ = child.stdin.take().unwrap().write_all(answer.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn reset_asks_and_keeps_a_copy() {
    const MAIN: &str = "exercises/ex03-once/src/main.rs";
    let repository = with_exercise("ex03-once");
    repository.write(MAIN, "// mine\n");
    for no in ["", "n\n", "\n", "maybe\n"] {
        let output = reset(&repository, &[], no);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            stdout(&output).ends_with("nothing is changed\n"),
            "{}",
            stdout(&output)
        );
        assert_eq!(repository.read(MAIN), "// mine\n");
    }
    let output = reset(&repository, &[], "y\n");
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(repository.read(MAIN), "// stub\n");
    assert_eq!(repository.read(".book/answers/ex03-once-1.rs"), "// mine\n");

    let output = reset(&repository, &[], "");
    assert_eq!(stdout(&output), format!("{MAIN} is the stub already\n"));
    assert!(output.status.success());

    repository.write(MAIN, "// mine, again\n");
    let output = reset(&repository, &["--yes"], "");
    assert_eq!(
        stdout(&output),
        format!("your answer is kept as .book/answers/ex03-once-2.rs\n{MAIN} is the stub again\n")
    );
    assert_eq!(repository.read(".book/answers/ex03-once-1.rs"), "// mine\n");
    assert_eq!(
        repository.read(".book/answers/ex03-once-2.rs"),
        "// mine, again\n"
    );
}

#[test]
fn where_nothing_is_written_nothing_is_reset() {
    let repository = with_exercise("ex03-once");
    let manifest = repository.read("exercises/ex03-once/Cargo.toml");
    let judge = manifest.replace("build", "judge");
    repository.write("exercises/ex03-once/Cargo.toml", &judge);
    let output = reset(&repository, &["--yes"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("you predict and write nothing"));
}

#[test]
fn reset_without_a_stub_changes_nothing() {
    let repository = with_exercise("ex03-once");
    repository.write("exercises/ex03-once/src/main.rs", "// mine\n");
    std::fs::remove_dir_all(repository.path().join("solutions/ex03-once/examples")).unwrap();
    let output = reset(&repository, &["--yes"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot read solutions/ex03-once/examples/ex03-once-stub.rs"));
    assert_eq!(
        repository.read("exercises/ex03-once/src/main.rs"),
        "// mine\n"
    );
    assert!(!repository.has(".book/answers"));
}

#[test]
fn where_nothing_is_written_nothing_is_watched() {
    let repository = with_exercise("ex03-once");
    let manifest = repository.read("exercises/ex03-once/Cargo.toml");
    let judge = manifest.replace("build", "judge");
    repository.write("exercises/ex03-once/Cargo.toml", &judge);
    let variants = ["early", "late"];
    let variants =
        variants.map(|it| format!("{it} = {{ verdict = 'passed', misconception = 'M05' }}\n"));
    let solution = repository.read("solutions/ex03-once/Cargo.toml") + &variants.concat();
    repository.write("solutions/ex03-once/Cargo.toml", &solution);
    let output = finish(&repository, &["watch", "ex03"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "error: in ex03-once you predict and save nothing, so there is nothing to watch; use \
         `cargo book grade ex03-once --guess early=VERDICT --guess late=VERDICT`\n"
    );
    assert_eq!(stdout(&output), "");
}

#[test]
fn watch_grades_what_is_saved() {
    let repository = with_exercise("ex03-once");
    let mut watch = Running::start(&mut command(&repository, &["watch"]));
    watch.line("save a program in exercises/");
    repository.write("exercises/ex03-once/src/main.rs", "// mine\n");
    watch.line("verdict");
    watch.line("save ex03-once and it is graded");
    // It goes on when the source does not compile.
    script(
        &repository,
        "cargo.sh",
        "echo 'error: no `main`' >&2; exit 101",
    );
    repository.write("exercises/ex03-once/src/main.rs", "// broken\n");
    watch.line("error: cargo build failed");
    watch.line("save ex03-once and it is graded");
    watch.signal(Signal::INT);
    assert_eq!(watch.end().code(), Some(130));
}

#[test]
fn a_save_while_it_grades_begins_anew_and_ctrl_c_ends_all() {
    let repository = with_exercise("ex03-once");
    let hangs =
        "trap 'echo cleans; exit 130' TERM; echo \"grades $$\"; while :; do sleep 0.1; done";
    script(&repository, "grader.sh", hangs);
    let mut watch = Running::start(&mut command(&repository, &["watch", "ex03"]));
    let pid = |line: String| line.rsplit(' ').next().unwrap().parse().unwrap();
    let first = pid(watch.line("grades"));
    repository.write("exercises/ex03-once/src/main.rs", "// mine\n");
    watch.line("cleans");
    let second = pid(watch.line("grades"));
    assert!(!runs(first));
    watch.signal(Signal::TERM);
    watch.line("cleans");
    assert_eq!(watch.end().code(), Some(143));
    assert!(!runs(second));
}

/// What the grader says of the stub, and of the solution.
const BOTH: &str = r#"
verdict=passed
echo "$GRADE_SEED" >> seeds
test $(($(wc -l < seeds) % 2)) = 1 || verdict=not-attempted
echo "{\"verdict\":\"$verdict\",\"why\":[],\"faults\":1,\"ms\":7,\"brokers\":[],\"moments\":[],\"strip\":\"\",\"log\":[]}" > "$GRADE_REPORT"
"#;

#[test]
fn a_soak_takes_turns_and_goes_on_where_it_was() {
    let repository = solved(BOTH);
    let soak = |expected: &str| {
        let mut soak = Running::start(&mut command(&repository, &["soak", "--minutes", "60"]));
        until("both have had their turn", || {
            let path = repository.path().join(".book/soak.json");
            let text = std::fs::read_to_string(path).unwrap_or_default();
            text.contains(expected).then_some(())
        });
        soak.signal(Signal::INT);
        soak.line("no wrong verdict in");
        assert!(soak.end().success());
    };
    soak(r#""ex03-once, stub": 2"#);
    let before = repository.read("seeds").lines().count();
    soak(r#""ex03-once, stub": 9"#);
    let seeds = repository.read("seeds");
    assert!(seeds.starts_with("1\n1\n2\n2\n"), "{seeds}");
    let mut sorted: Vec<u32> = seeds.lines().map(|seed| seed.parse().unwrap()).collect();
    assert!(sorted.is_sorted() && sorted.len() > before, "{seeds}");
    sorted.dedup();
    assert_eq!(sorted, (1..=*sorted.last().unwrap()).collect::<Vec<_>>());
}

#[test]
fn a_wrong_verdict_and_too_many_without_one_fail_a_soak() {
    let told = |verdict: &str| {
        let report = format!(
            "echo '{{\"verdict\":\"{verdict}\",\"why\":[\"o-1 is gone\"],\"faults\":1,\"ms\":7,\"brokers\":[],\"moments\":[],\"strip\":\"\",\"log\":[]}}' > \"$GRADE_REPORT\""
        );
        let repository = solved(&report);
        let mut soak = Running::start(&mut command(&repository, &["soak", "--minutes", "60"]));
        let line = soak.line("ex03-once, solution, seed 1");
        soak.signal(Signal::TERM);
        soak.line("seeds reached");
        assert_eq!(soak.end().code(), Some(1));
        line
    };
    assert_eq!(
        told("hangs"),
        "ex03-once, solution, seed 1: hangs (o-1 is gone), expected passed"
    );
    assert_eq!(
        told("inconclusive"),
        "ex03-once, solution, seed 1: inconclusive (o-1 is gone)"
    );
}

#[test]
fn a_soak_of_nothing_is_an_error() {
    let repository = with_exercise("ex03-once");
    let output = finish(&repository, &["soak", "--minutes", "1", "ex07"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "error: no exercise begins with `ex07`\n");
}
