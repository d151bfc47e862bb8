//! Conventions of the Rust sources.

use crate::files::File;
use crate::tidy::rust::{Token, comment, lines_of_code, tokens};

/// Lines of code that a chapter's main.rs may have.
const MAIN: usize = 120;
/// Lines that any source may have.
const FILE: usize = 500;
/// Lines of a snippet that a page shows.
pub const SNIPPET: usize = 25;
/// The folders of the programs that readers see.
const SHOWN: [&str; 3] = ["chapters", "exercises", "solutions"];
/// The functions that sleep.
const SLEEPS: [&str; 4] = ["sleep", "sleep_ms", "sleep_until", "park_timeout"];

/// A chapter's main.rs is one story, short enough to read at once.
pub fn main_is_short(file: &File) -> Vec<String> {
    let lines = match tokens(&file.path, &file.text) {
        Ok(tokens) => lines_of_code(&tokens),
        Err(error) => return vec![error],
    };
    if lines <= MAIN {
        return Vec::new();
    }
    vec![format!(
        "{} has {lines} lines of code, {MAIN} are allowed; tell less, or move what is beside the \
         story to a file of its own",
        file.path
    )]
}

/// A file is short enough to have one subject.
pub fn is_short(file: &File) -> Vec<String> {
    let lines = file.text.lines().count();
    if lines <= FILE {
        return Vec::new();
    }
    vec![format!(
        "{} has {lines} lines, {FILE} are allowed; split it by subject",
        file.path
    )]
}

/// Nothing sleeps to wait for something else: what is waited for is waited on, under a timeout.
/// A sleep in a listing stands for work. Elsewhere it spaces out the polls of something that
/// tells nothing by itself, is the deadline of a wait, or spreads faults over the moments of a
/// run. The comment at it says which, in this word.
pub fn sleeps_say_why(file: &File) -> Vec<String> {
    let words: &[&str] = match SHOWN.iter().any(|folder| file.below(folder)) {
        true => &["work"],
        false => &["poll", "deadline", "fault"],
    };
    let is_bare = |tokens: &[Token]| {
        let said = comment(&file.text, tokens[0].line);
        SLEEPS.contains(&tokens[0].text.as_str())
            && tokens[1].text == "("
            && !words.iter().any(|word| said.contains(word))
    };
    found(file, 2, is_bare, |token| {
        format!(
            "`{}`: wait for what you need, under a timeout; where it is no such wait, a comment above \
             it says what it is: {}",
            token.text,
            words.join(", ")
        )
    })
}

/// What can fail in a listing is handed to the caller with what to check.
pub fn nothing_is_unwrapped(file: &File) -> Vec<String> {
    let calls = ["unwrap", "expect", "unwrap_err", "expect_err"];
    found(
        file,
        3,
        |tokens| {
            tokens[0].text == "."
                && calls.contains(&tokens[1].text.as_str())
                && tokens[2].text == "("
        },
        |_| "a listing does not unwrap; use `?` with .context(\"what to check\")".to_owned(),
    )
}

/// A test that does not run shows nothing.
pub fn no_test_is_ignored(file: &File) -> Vec<String> {
    let tokens = match tokens(&file.path, &file.text) {
        Ok(tokens) => tokens,
        Err(error) => return vec![error],
    };
    let mut problems = Vec::new();
    for (index, window) in tokens.windows(2).enumerate() {
        if window[0].text != "#" || window[1].text != "[" {
            continue;
        }
        let attribute = tokens[index..].iter().take_while(|token| token.text != "]");
        if let Some(ignore) = attribute.into_iter().find(|token| token.text == "ignore") {
            problems.push(format!(
                "{}:{}: no test is ignored; where the machine lacks something, call book_tests::skipped",
                file.path, ignore.line
            ));
        }
    }
    problems
}

/// One problem for each place where the tokens of a window are `bad`.
fn found(
    file: &File,
    window: usize,
    bad: impl Fn(&[Token]) -> bool,
    say: impl Fn(&Token) -> String,
) -> Vec<String> {
    match tokens(&file.path, &file.text) {
        Err(error) => vec![error],
        Ok(tokens) => tokens
            .windows(window)
            .filter(|window| bad(window))
            .map(|window| format!("{}:{}: {}", file.path, window[0].line, say(&window[0])))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File::new(path, text)
    }

    #[test]
    fn a_long_main_is_refused() {
        let main = |lines: usize| {
            let body = "    // why\n    f();\n".repeat(lines - 2);
            file(
                "chapters/x/src/main.rs",
                &format!("fn main() {{\n{body}}}\n"),
            )
        };
        assert_eq!(main_is_short(&main(120)), [""; 0]);
        let problems = main_is_short(&main(121));
        assert!(
            problems[0].starts_with("chapters/x/src/main.rs has 121 lines of code"),
            "{problems:?}"
        );
    }

    #[test]
    fn a_long_file_is_refused() {
        assert_eq!(is_short(&file("a.rs", &"\n".repeat(500))), [""; 0]);
        assert_eq!(
            is_short(&file("a.rs", &"\n".repeat(501))),
            ["a.rs has 501 lines, 500 are allowed; split it by subject"]
        );
    }

    #[test]
    fn a_sleep_says_why() {
        let sleeps = |path: &str, text: &str| sleeps_say_why(&file(path, text)).len();
        let bare = "async fn f() { tokio::time::sleep(D).await; }";
        assert_eq!(sleeps("chapters/x/src/main.rs", bare), 1);
        assert_eq!(sleeps("tests/tests/x.rs", bare), 1);
        assert_eq!(
            sleeps("tests/tests/x.rs", "fn f() { std::thread::sleep_ms(1); }"),
            1
        );
        let work = "fn f() {\n    // The work on an order.\n    sleep(D);\n}";
        assert_eq!(sleeps("chapters/x/src/main.rs", work), 0);
        assert_eq!(
            sleeps("tests/tests/x.rs", work),
            1,
            "a test has no work to stand for"
        );
        assert_eq!(sleeps("tests/tests/x.rs", "fn sleeps() { sleeps(); }"), 0);
        let poll = "fn f() { sleep(D); } // poll: /proc tells nobody";
        assert_eq!(sleeps("tests/tests/x.rs", poll), 0);
        assert_eq!(sleeps("chapters/x/src/main.rs", poll), 1);
        assert_eq!(
            sleeps("tests/tests/x.rs", "use std::thread::sleep; // sleep(1)"),
            0
        );
    }

    #[test]
    fn a_listing_does_not_unwrap() {
        let count = |text: &str| nothing_is_unwrapped(&file("chapters/x/src/main.rs", text)).len();
        assert_eq!(count("fn f() { a.unwrap(); b\n.expect(\"c\"); }"), 2);
        assert_eq!(count("fn f() { a.unwrap_or(1)?; } // a.unwrap()"), 0);
        assert_eq!(count("#[expect(dead_code)] fn unwrap() { unwrap() }"), 0);
    }

    #[test]
    fn no_test_may_be_ignored() {
        let count = |text: &str| no_test_is_ignored(&file("a.rs", text)).len();
        assert_eq!(count("#[test]\n#[ignore]\nfn f() {}"), 1);
        assert_eq!(count("#[test]\n#[ignore = \"slow\"]\nfn f() {}"), 1);
        assert_eq!(count("#[cfg_attr(windows, ignore)] fn f() {}"), 1);
        assert_eq!(count("#[cfg_attr(windows, ignore = \"no\")] fn f() {}"), 1);
        assert_eq!(
            count("fn ignore() { ignore(); g(a, ignore); let s = \"#[ignore]\"; }"),
            0
        );
    }
}
