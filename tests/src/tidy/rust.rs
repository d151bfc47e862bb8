//! Rust source as tokens, so that neither a comment nor a text passes for code.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

/// A word, mark or literal and the lines that it stands on, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The token as it is written.
    pub text: String,
    /// Its first line.
    pub line: usize,
    /// Its last line; another only for a literal over several lines.
    pub end: usize,
}

/// The tokens of a file, in order, brackets included and doc comments left out.
///
/// # Errors
/// When the text is no Rust.
pub fn tokens(path: &str, text: &str) -> Result<Vec<Token>, String> {
    let stream: TokenStream = text.parse().map_err(|error: proc_macro2::LexError| {
        format!("{path}:{}: {error}", error.span().start().line)
    })?;
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    Ok(tokens)
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    for tree in stream {
        match tree {
            TokenTree::Group(group) => {
                if is_doc(&group.stream()) {
                    // The `#`, and `!` where it is an inner one, stand before the group.
                    while tokens
                        .last()
                        .is_some_and(|token| token.text == "#" || token.text == "!")
                    {
                        tokens.pop();
                    }
                    continue;
                }
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                tokens.push(token(open.to_owned(), group.span_open()));
                flatten(group.stream(), tokens);
                tokens.push(token(close.to_owned(), group.span_close()));
            }
            other => tokens.push(token(other.to_string(), other.span())),
        }
    }
}

/// Whether this is what a doc comment becomes: `doc = "text"`.
fn is_doc(stream: &TokenStream) -> bool {
    let mut words = stream.clone().into_iter().map(|tree| tree.to_string());
    words.next().as_deref() == Some("doc") && words.next().as_deref() == Some("=")
}

fn token(text: String, span: Span) -> Token {
    Token {
        text,
        line: span.start().line,
        end: span.end().line,
    }
}

/// How many lines hold code: neither blank nor only a comment.
pub fn lines_of_code(tokens: &[Token]) -> usize {
    let lines: BTreeSet<usize> = tokens
        .iter()
        .flat_map(|token| token.line..=token.end)
        .collect();
    lines.len()
}

/// The comment that belongs to a line: the one at its end and those directly above it.
pub fn comment(text: &str, line: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let index = line - 1;
    let own = lines.get(index).and_then(|line| line.split_once("//"));
    let above = lines[..index.min(lines.len())]
        .iter()
        .rev()
        .map_while(|line| line.trim_start().strip_prefix("//"));
    own.map(|(_, comment)| comment)
        .into_iter()
        .chain(above)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The text in a string literal, its quotes taken off; none for another token.
pub fn string(token: &Token) -> Option<&str> {
    let text = token
        .text
        .trim_start_matches(['b', 'c', 'r'])
        .trim_matches('#');
    text.strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TEXT: &str = "\
//! A program.

/// Says hello.
#[inline]
fn main() {
    // A comment with code: f();
    let a = \"two
    lines\"; // here

    g(a);
}
";

    #[test]
    fn code_is_what_is_neither_blank_nor_comment() {
        let tokens = tokens("x.rs", TEXT).unwrap();
        assert_eq!(lines_of_code(&tokens), 6);
        assert_eq!(tokens[0].text, "#");
        assert_eq!(tokens[1].text, "[");
        assert!(
            !tokens
                .iter()
                .any(|token| token.text == "f" || token.text.contains("hello"))
        );
    }

    #[test]
    fn a_comment_belongs_to_its_line_and_the_one_below() {
        assert_eq!(comment(TEXT, 7).trim(), "A comment with code: f();");
        assert_eq!(comment(TEXT, 8).trim(), "here");
        assert_eq!(comment(TEXT, 10), "");
    }

    #[test]
    fn strings_lose_their_quotes() {
        let tokens = tokens("x.rs", r##"f("a", r#"b"#, 'c', 1)"##).unwrap();
        let strings: Vec<_> = tokens.iter().filter_map(string).collect();
        assert_eq!(strings, ["a", "b"]);
    }

    #[test]
    fn what_is_no_rust_is_told() {
        let error = tokens("x.rs", "fn main() {\n").unwrap_err();
        assert!(error.starts_with("x.rs:"), "{error}");
    }
}
