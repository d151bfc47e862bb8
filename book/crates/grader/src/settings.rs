//! What the command line and the environment ask of a grader.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The options of a test harness that take a value of their own. They mean nothing here.
const WITH_VALUE: [&str; 6] = [
    "--test-threads",
    "--skip",
    "--format",
    "--color",
    "--logfile",
    "-Z",
];

/// Which faults strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Faults {
    /// All.
    On,
    /// None, and none is asked for.
    Off,
    /// All but this one, from 1; and all are asked for.
    Skip(usize),
}

/// How a program is graded.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The exercise's name: `ex04-idempotent-produce`.
    pub(crate) exercise: String,
    /// The program.
    pub(crate) program: PathBuf,
    /// Whether it is the learner's own: not a solution, and not one that `GRADE_PROGRAM` names.
    pub(crate) own: bool,
    /// 0 for the story as it is told; another number varies what it varies.
    pub(crate) seed: u64,
    /// Which faults strike.
    pub(crate) faults: Faults,
    /// Which of its variants the program is told to be, where it has some.
    pub(crate) variant: Option<String>,
    /// What the learner predicts, as `VARIANT=VERDICT`.
    pub(crate) guesses: Vec<(String, String)>,
    /// Where the report goes as JSON.
    pub(crate) report: Option<PathBuf>,
}

/// What cargo asks for.
#[derive(Debug)]
pub(crate) enum Wanted {
    Grade(Settings),
    /// The names of the tests.
    List,
    /// Other tests.
    Nothing,
}

/// Reads the program's own arguments and environment.
pub(crate) fn read(program: &str) -> Result<Wanted> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    parse(program, std::env::args().skip(1), variable)
}

fn parse(
    program: &str,
    arguments: impl IntoIterator<Item = String>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Wanted> {
    let own = Path::new(program);
    let name = own.file_name().unwrap_or_default().to_string_lossy();
    // A solution is graded as its exercise: sol04-idempotent-produce is ex04-idempotent-produce.
    let exercise = match name.strip_prefix("sol") {
        Some(rest) => format!("ex{rest}"),
        None => name.to_string(),
    };
    let mut seed = variable("GRADE_SEED");
    let (mut filters, mut guesses) = (Vec::new(), Vec::new());
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => return Ok(Wanted::List),
            "--seed" => seed = Some(arguments.next().context("--seed takes a number")?),
            "--guess" => {
                let text = arguments.next().unwrap_or_default();
                let guess = text
                    .split_once('=')
                    .map(|(variant, verdict)| (variant.to_owned(), verdict.to_owned()));
                guesses.push(guess.with_context(|| {
                    format!("`{text}` is no guess; write --guess PROGRAM=VERDICT, as in --guess late=lost-message")
                })?);
            }
            other if WITH_VALUE.contains(&other) => drop(arguments.next()),
            other if other.starts_with('-') => {}
            _ => filters.push(argument),
        }
    }
    if !filters.is_empty() && !filters.iter().any(|filter| "grade".contains(&**filter)) {
        return Ok(Wanted::Nothing);
    }
    let seed = seed.map_or(Ok(0), |text| {
        let number = text.parse();
        number.with_context(|| format!("the seed `{text}` is no number; write --seed 7"))
    })?;
    let faults = match variable("GRADE_FAULTS").as_deref() {
        None | Some("on") => Faults::On,
        Some("off") => Faults::Off,
        Some(other) => match other.strip_prefix("skip:").map(str::parse) {
            Some(Ok(number)) => Faults::Skip(number),
            _ => bail!("GRADE_FAULTS is `{other}`; use on, off or skip:N, or unset it"),
        },
    };
    let other = variable("GRADE_PROGRAM").map(PathBuf::from);
    Ok(Wanted::Grade(Settings {
        exercise,
        own: other.is_none() && name.starts_with("ex"),
        program: other.unwrap_or_else(|| own.to_owned()),
        seed,
        faults,
        variant: variable("GRADE_VARIANT"),
        guesses,
        report: variable("GRADE_REPORT").map(PathBuf::from),
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_exercise_is_the_learners_own() {
        for (program, own) in [("", true), ("/t/ex04-stub", false)] {
            let variable = |name: &str| {
                let is = name == "GRADE_PROGRAM" && !program.is_empty();
                is.then(|| program.to_owned())
            };
            let wanted = parse("/t/ex04-produce", [], variable).unwrap();
            assert!(matches!(wanted, Wanted::Grade(settings) if settings.own == own));
        }
    }

    fn read(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Wanted> {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned());
        parse("/t/sol04-produce", arguments, |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn settings(arguments: &[&str], variables: &[(&str, &str)]) -> Settings {
        match read(arguments, variables).unwrap() {
            Wanted::Grade(settings) => settings,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_program_is_the_learners_unless_another_is_named() {
        let own = settings(&[], &[]);
        assert_eq!(own.exercise, "ex04-produce");
        assert_eq!(own.program, Path::new("/t/sol04-produce"));
        assert!(!own.own, "a solution is not the learner's");
        assert_eq!((own.seed, own.faults), (0, Faults::On));
        let other = settings(&[], &[("GRADE_PROGRAM", "/t/ex04-stub")]);
        assert_eq!(other.exercise, "ex04-produce");
        assert_eq!(other.program, Path::new("/t/ex04-stub"));
        assert!(!other.own);
    }

    #[test]
    fn the_command_line_counts_before_the_environment() {
        let variables = [("GRADE_SEED", "3"), ("GRADE_FAULTS", "skip:2")];
        let settings = settings(&["--nocapture", "--seed", "7", "grade"], &variables);
        assert_eq!((settings.seed, settings.faults), (7, Faults::Skip(2)));
    }

    #[test]
    fn a_guess_names_a_variant_and_its_verdict() {
        let guess = ["--guess", "late=lost-message", "--guess", "early=passed"];
        let guesses = settings(&guess, &[]).guesses;
        let expected = [("late", "lost-message"), ("early", "passed")];
        assert_eq!(
            guesses,
            expected.map(|(variant, verdict)| (variant.to_owned(), verdict.to_owned()))
        );
    }

    #[test]
    fn other_tests_are_none_of_ours() {
        let filtered = read(&["--test-threads", "2", "confirms"], &[]).unwrap();
        assert!(matches!(filtered, Wanted::Nothing), "{filtered:?}");
        assert!(matches!(read(&["--list"], &[]).unwrap(), Wanted::List));
    }

    #[test]
    fn what_cannot_be_read_says_what_to_write() {
        let error = |arguments: &[&str], variables: &[(&str, &str)]| {
            read(arguments, variables).unwrap_err().to_string()
        };
        assert!(error(&["--seed", "x"], &[]).contains("write --seed 7"));
        assert!(error(&["--seed"], &[]).contains("takes a number"));
        for guess in [&["--guess"][..], &["--guess", "passed"]] {
            assert!(error(guess, &[]).contains("write --guess PROGRAM=VERDICT"));
        }
        assert!(error(&[], &[("GRADE_FAULTS", "none")]).contains("use on, off or skip:N"));
    }
}
