//! The tokens of TOML, JSON, YAML and shell commands, which are alike where colour matters.

use super::{Token, quoted, run};

/// The tokens of some data; together they are the whole.
pub(super) fn tokens(code: &str) -> impl Iterator<Item = Token> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &code[at..];
        if rest.is_empty() {
            return None;
        }
        let token = token(&code[..at], rest);
        at += token.0;
        Some(token)
    })
}

/// The token at the start of `rest`, which is not empty, behind `before`.
fn token(before: &str, rest: &str) -> Token {
    let line = run(rest, |character| character != '\n');
    let begins_word = !before.ends_with(is_word);
    if rest.starts_with('#') && (before.is_empty() || before.ends_with(char::is_whitespace)) {
        return (line, Some("comment"));
    }
    if let Some(inside) = rest.strip_prefix("\"\"\"") {
        let end = inside.find("\"\"\"").map_or(inside.len(), |at| at + 3);
        return (3 + end, Some("string"));
    }
    if begins_word && rest.starts_with(['"', '\'']) {
        let quote = if rest.starts_with('"') { '"' } else { '\'' };
        let length = quoted(&rest[..line], quote);
        return (length, Some(key(&rest[length..]).unwrap_or("string")));
    }
    if rest.starts_with('[') && (before.is_empty() || before.ends_with('\n')) {
        let inside = rest[..line].trim_matches(['[', ']']);
        if run(inside, is_word) == inside.len() && rest[..line].ends_with(']') {
            return (line, Some("section"));
        }
    }
    if let Some(variable) = rest.strip_prefix('$') {
        let in_name = |character: char| character.is_alphanumeric() || character == '_';
        let name = run(variable, in_name);
        return (1 + name, (name > 0).then_some("variable"));
    }
    match run(rest, is_word) {
        0 => (rest.chars().next().map_or(0, char::len_utf8), None),
        length => (length, key(&rest[length..]).or(value(&rest[..length]))),
    }
}

/// The class of a key, when what follows makes it one.
fn key(after: &str) -> Option<&'static str> {
    let after = after.trim_start_matches(' ');
    let is_key = after.starts_with('=') || after.starts_with(": ") || after.starts_with(":\n");
    is_key.then_some("attr")
}

fn value(word: &str) -> Option<&'static str> {
    match word {
        "true" | "false" | "null" => Some("literal"),
        _ if word.starts_with(|first: char| first.is_ascii_digit()) => Some("number"),
        _ => None,
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.')
}
