//! The options of a listing, as its `-h` tells them.

use serde::Serialize;

/// An option that takes a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Knob {
    /// Its long name, without the dashes.
    pub name: String,
    /// What it is for, in a sentence.
    pub about: String,
    /// The value that it has where none is given.
    pub default: Option<String>,
    /// The values that it may have; none where it takes any.
    pub values: Vec<String>,
}

/// The options that a program's `-h` shows, in their order. `--help` and `--version` are left out.
pub fn options(help: &str) -> Vec<Knob> {
    let mut options = Vec::new();
    let mut text = String::new();
    let entries = help
        .lines()
        .skip_while(|line| !line.starts_with("Options:"))
        .skip(1);
    for line in entries.chain(["  -x"]) {
        if line.trim_start().starts_with('-') {
            options.extend(option(&text));
            text.clear();
        }
        text.push_str(line.trim());
        text.push(' ');
    }
    options
}

fn option(text: &str) -> Option<Knob> {
    let (_, rest) = text.split_once("--")?;
    let (name, rest) = rest.split_once(char::is_whitespace)?;
    if name == "help" || name == "version" {
        return None;
    }
    let rest = rest.trim_start();
    // The name of the value.
    let told = match rest.strip_prefix('<') {
        Some(value) => value.split_once('>').map_or("", |(_, told)| told),
        None => rest,
    };
    let values = bracketed(told, "possible values").map_or(Vec::new(), |values| {
        let values = values.split(',');
        values.map(|value| value.trim().to_owned()).collect()
    });
    let about = told.split(" [").next().unwrap_or_default();
    Some(Knob {
        name: name.to_owned(),
        about: about.trim().to_owned(),
        default: bracketed(told, "default").map(str::to_owned),
        values,
    })
}

/// What stands behind this word in its brackets.
fn bracketed<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("[{word}: "))?;
    rest.split_once(']').map(|(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELP: &str = "\
A queue.

Usage: ch03-queue [OPTIONS]

Options:
      --ack <ACK>          When a worker acknowledges [default: manual] [possible values:
                           manual, auto]
      --retry <RETRY>      Whether it tries again: the shop waits [possible values: no, yes]
  -w, --work-ms <WORK_MS>  How long the work takes
  -h, --help               Print help
  -V, --version            Print version
";

    #[test]
    fn options_are_read_over_wrapped_lines() {
        let knob = |name: &str, about: &str, default: Option<&str>, values: &[&str]| Knob {
            name: name.to_owned(),
            about: about.to_owned(),
            default: default.map(str::to_owned),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        let expected = [
            knob(
                "ack",
                "When a worker acknowledges",
                Some("manual"),
                &["manual", "auto"],
            ),
            knob(
                "retry",
                "Whether it tries again: the shop waits",
                None,
                &["no", "yes"],
            ),
            knob("work-ms", "How long the work takes", None, &[]),
        ];
        assert_eq!(options(HELP), expected);
        assert_eq!(options("no help"), []);
    }
}
