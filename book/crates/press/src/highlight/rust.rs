//! Rust's tokens, as far as colour needs them.

use super::{Token, quoted, run};

const KEYWORDS: [&str; 35] = [
    "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern",
    "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "type", "unsafe", "use", "where",
    "while",
];
/// The keywords that a name follows.
const NAMING: [&str; 6] = ["enum", "fn", "mod", "struct", "trait", "type"];
const PRIMITIVES: [&str; 18] = [
    "Self", "bool", "char", "f32", "f64", "i128", "i16", "i32", "i64", "i8", "isize", "str",
    "u128", "u16", "u32", "u64", "u8", "usize",
];
/// The names of the prelude that a listing is full of.
const PRELUDE: [&str; 9] = [
    "Box", "Err", "None", "Ok", "Option", "Result", "Some", "String", "Vec",
];

/// The tokens of some Rust code; together they are the whole code.
pub(super) fn tokens(code: &str) -> impl Iterator<Item = Token> {
    let mut rest = code;
    let mut names = false;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (length, class) = token(rest, names);
        let text = &rest[..length];
        if !text.trim().is_empty() {
            names = NAMING.contains(&text);
        }
        rest = &rest[length..];
        Some((length, class))
    })
}

/// The token at the start of `rest`, which is not empty. `names`: a keyword stands before
/// it that a name follows.
fn token(rest: &str, names: bool) -> Token {
    if let Some(length) = comment(rest) {
        return (length, Some("comment"));
    }
    if let Some(length) = text(rest) {
        return (length, Some("string"));
    }
    if let Some(length) = attribute(rest) {
        return (length, Some("meta"));
    }
    if let Some(lifetime) = rest.strip_prefix('\'') {
        let name = run(lifetime, is_word);
        return (1 + name, (name > 0).then_some("symbol"));
    }
    if rest.starts_with(|character: char| character.is_ascii_digit()) {
        return (number(rest), Some("number"));
    }
    let raw = if rest.starts_with("r#") { 2 } else { 0 };
    match raw + run(&rest[raw..], is_word) {
        0 => (run(rest, char::is_whitespace).max(first(rest)), None),
        length if raw > 0 => (length, names.then_some("title")),
        length => word(&rest[..length], &rest[length..], names),
    }
}

fn word(word: &str, after: &str, names: bool) -> Token {
    let length = word.len();
    let is_macro = after.starts_with('!') && !after.starts_with("!=");
    match word {
        _ if is_macro => (length + 1, Some("built_in")),
        "true" | "false" => (length, Some("literal")),
        _ if KEYWORDS.contains(&word) => (length, Some("keyword")),
        _ if names => (length, Some("title")),
        _ if PRIMITIVES.contains(&word) => (length, Some("type")),
        _ if PRELUDE.contains(&word) => (length, Some("built_in")),
        _ => (length, None),
    }
}

/// A comment to the end of its line, or one in marks, which may hold others.
fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(run(rest, |character| character != '\n'));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        let (step, change) = match &rest[at..] {
            inner if inner.starts_with("/*") => (2, 1),
            inner if inner.starts_with("*/") => (2, -1),
            inner => (first(inner), 0),
        };
        at += step;
        depth += change;
        if depth == 0 {
            break;
        }
    }
    Some(at)
}

/// A text or a character, with its prefix: `b"…"`, `r#"…"#`, `'\n'`.
fn text(rest: &str) -> Option<usize> {
    let prefix = run(rest, |character| matches!(character, 'b' | 'c' | 'r')).min(2);
    let (prefix, after) = rest.split_at(prefix);
    if prefix.ends_with('r') {
        let hashes = run(after, |character| character == '#');
        if after[hashes..].starts_with('"') {
            let close = format!("\"{}", &after[..hashes]);
            let inside = &after[hashes + 1..];
            let end = inside
                .find(&close)
                .map_or(inside.len(), |at| at + close.len());
            return Some(prefix.len() + hashes + 1 + end);
        }
    }
    if matches!(prefix, "" | "b" | "c") && after.starts_with('"') {
        return Some(prefix.len() + quoted(after, '"'));
    }
    // A character, not a lifetime: it is escaped, or closed behind its one character.
    let mut characters = after.chars();
    let quotes = characters.next() == Some('\'');
    let escaped = characters.next() == Some('\\');
    let closed = characters.next() == Some('\'');
    (matches!(prefix, "" | "b") && quotes && (escaped || closed))
        .then(|| prefix.len() + quoted(after, '\''))
}

/// `#[…]` or `#![…]`, with the brackets and texts in it.
fn attribute(rest: &str) -> Option<usize> {
    let open = ["#[", "#!["]
        .into_iter()
        .find(|open| rest.starts_with(open))?;
    let mut at = open.len();
    let mut depth = 1;
    while depth > 0 && at < rest.len() {
        let (length, _) = match &rest[at..] {
            inner if inner.starts_with(['[', ']']) => (1, None),
            inner => token(inner, false),
        };
        match &rest[at..at + length] {
            "[" => depth += 1,
            "]" => depth -= 1,
            _ => {}
        }
        at += length;
    }
    Some(at)
}

/// Digits with what may stand in them: `1_000.5e-3f64`, `0xff`, but not the dots of `0..9`.
fn number(rest: &str) -> usize {
    let mut length = run(rest, is_word);
    let fraction = rest[length..].strip_prefix('.').unwrap_or_default();
    if fraction.starts_with(|character: char| character.is_ascii_digit()) {
        length += 1 + run(fraction, is_word);
    }
    let is_power = !rest.starts_with("0x") && rest[..length].ends_with(['e', 'E']);
    if is_power && rest[length..].starts_with(['+', '-']) {
        length += 1 + run(&rest[length + 1..], is_word);
    }
    length
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The bytes of the first character.
fn first(rest: &str) -> usize {
    rest.chars().next().map_or(0, char::len_utf8)
}
