//! Colours code while the book is built, so that no page loads a highlighter.
//!
//! The spans carry the class names of highlight.js, as mdBook's own pages do. Two small
//! lexers do the work: the grammars that libraries bring do not know `async` and `await`
//! yet, and take a second and more for a book of listings in a debug build.

mod data;
mod rust;

use crate::html::escape;

/// The code as HTML with `hljs-*` spans; `None` when the language is not known.
pub(crate) fn highlight(language: &str, code: &str) -> Option<String> {
    match language {
        "rust" => Some(spans(code, rust::tokens(code))),
        "bash" | "json" | "sh" | "toml" | "yaml" => Some(spans(code, data::tokens(code))),
        "console" => Some(console(code)),
        _ => None,
    }
}

/// What a reader types into a shell. The prompt is drawn by the style sheet, so that it
/// is not copied with the command.
pub(crate) fn command(line: &str) -> String {
    format!("<span class=\"hljs-meta prompt\"></span>{}", escape(line))
}

fn console(code: &str) -> String {
    code.split_inclusive('\n')
        .map(|line| match line.strip_prefix("$ ") {
            Some(typed) => command(typed),
            None => escape(line),
        })
        .collect()
}

/// A piece of code: how many bytes it has, and its class, if it has one.
type Token = (usize, Option<&'static str>);

/// The tokens of `code`, one behind the other, as HTML.
fn spans(code: &str, tokens: impl Iterator<Item = Token>) -> String {
    let mut html = String::with_capacity(code.len() * 2);
    let mut from = 0;
    for (length, class) in tokens {
        let text = escape(&code[from..from + length]);
        match class {
            Some(class) => html.push_str(&format!("<span class=\"hljs-{class}\">{text}</span>")),
            None => html.push_str(&text),
        }
        from += length;
    }
    html
}

/// The bytes at the start of `text` whose characters all fit.
fn run(text: &str, fits: impl Fn(char) -> bool) -> usize {
    text.find(|character| !fits(character))
        .unwrap_or(text.len())
}

/// The bytes of a text in quotes at the start of `text`, escapes passed over; to the end
/// where it is not closed.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at + character.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What a reader sees of the HTML.
    fn text(html: &str) -> String {
        html.split('<')
            .map(|part| part.split_once('>').map_or(part, |(_, text)| text))
            .collect::<String>()
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&amp;", "&")
    }

    #[test]
    fn rust() {
        let code = r###"//! Charges cards.
use anyhow::{Context, Result};

#[derive(Debug, Clone)]
#[serde(rename = "]")]
pub struct Order<'a> { id: &'a str, cents: Option<u64> }

/* a /* nested */ comment */
const LIMIT: f64 = 1_000.5e-3;

/// Charges.
async fn charge(order: &Order<'_>) -> Result<bool> {
    let raw = br#"a "b""#; // why
    if let Some(cents) = order.cents && cents != 0xff_u64 { return Ok(false); }
    channel.basic_publish("shop".into()).await?.await.context("no \"confirm\"\n")?;
    println!("{}: {:?} {}", 1, 'c', '\'');
    for n in 0..=9 { 'outer: loop { break 'outer; } }
    Self::r#type(async move { b'x' })
}
"###;
        insta::assert_snapshot!(highlight("rust", code).unwrap());
    }

    #[test]
    fn toml() {
        let code = "# why\n[package.metadata.book]\nlanes = [\"shop\", 'a#b'] # order\n\
                    knob.ack = true\ndate = 2026-11-24\ntext = \"\"\"\na = \"b\"\n\"\"\"\n";
        insta::assert_snapshot!(highlight("toml", code).unwrap());
    }

    #[test]
    fn console_json_yaml_and_bash() {
        let code = "$ cargo run -p ch03-rabbit-queue\nshop  sent o-1 <payment>\n";
        insta::assert_snapshot!("console", highlight("console", code).unwrap());
        let code = "{\"id\": \"o-1\", \"cents\": 1200, \"paid\": false}\n";
        insta::assert_snapshot!("json", highlight("json", code).unwrap());
        let code = "on: push # don't\nruns-on: ubuntu\nurl: amqp://localhost\n";
        insta::assert_snapshot!("yaml", highlight("yaml", code).unwrap());
        let code = "# why\nexport AMQP_URL=\"amqp://$HOST\" # it's so\ncargo run -- --ack auto\n";
        insta::assert_snapshot!("bash", highlight("bash", code).unwrap());
    }

    #[test]
    fn every_character_of_the_code_survives() {
        let sources = [
            include_str!("highlight.rs"),
            include_str!("highlight/rust.rs"),
            include_str!("highlight/data.rs"),
            "let é = 'é'; // ü\n",
            "\"not closed",
            "/* not closed",
            "r#\"not closed\"",
            "#[not closed",
            "'",
            "b'",
            "1.",
            "$",
            "[",
        ];
        for code in sources {
            for language in ["rust", "toml"] {
                assert_eq!(text(&highlight(language, code).unwrap()), code);
            }
        }
    }

    #[test]
    fn an_unknown_language_is_left_alone() {
        for language in ["", "text", "no-such-language"] {
            assert_eq!(highlight(language, "a"), None);
        }
    }
}
