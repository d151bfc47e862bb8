//! What the compiler says of an answer, in its own words and at its place.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// One message of the compiler's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// `error` or `warning`.
    pub level: String,
    /// Its first line.
    pub message: String,
    /// All of it, as a terminal shows it.
    pub rendered: String,
    /// Where in the answer it is; nowhere where it is about something else.
    pub place: Option<Place>,
}

/// A part of a text: its first character and the one after its last, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The line in which it begins.
    pub line: u32,
    /// The character in that line.
    pub column: u32,
    /// The line in which it ends.
    pub end_line: u32,
    /// The character in that line.
    pub end_column: u32,
}

#[derive(Deserialize)]
struct Line {
    reason: String,
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    level: String,
    message: String,
    rendered: Option<String>,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    is_primary: bool,
    line_start: u32,
    line_end: u32,
    column_start: u32,
    column_end: u32,
}

/// The problem that a line of cargo's account tells, where it tells one. `file` is the answer as
/// seen from the book's top folder, which may lie in another workspace.
pub fn problem(line: &str, file: &str) -> Option<Problem> {
    let line: Line = serde_json::from_str(line).ok()?;
    let message = line.message.filter(|_| line.reason == "compiler-message")?;
    // `N warnings emitted` and the like.
    if message.spans.is_empty() && message.level == "warning" {
        return None;
    }
    let own = |span: &&Span| Path::new(&span.file_name).ends_with(file);
    let mut spans = message.spans.iter().filter(own);
    let primary = spans.clone().find(|span| span.is_primary);
    let place = primary.or_else(|| spans.next()).map(|span| Place {
        line: span.line_start,
        column: span.column_start,
        end_line: span.line_end,
        end_column: span.column_end,
    });
    Some(Problem {
        level: message.level,
        rendered: message.rendered.unwrap_or_else(|| message.message.clone()),
        message: message.message,
        place,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FILE: &str = "exercises/ex03-once/src/main.rs";

    fn told(level: &str, spans: &[(&str, bool, u32)]) -> String {
        let spans: Vec<_> = spans
            .iter()
            .map(|(file, primary, line)| {
                json!({"file_name": file, "is_primary": primary, "line_start": line,
                       "line_end": line, "column_start": 5, "column_end": 8})
            })
            .collect();
        let message =
            json!({"level": level, "message": "no", "rendered": "error: no\n", "spans": spans});
        json!({"reason": "compiler-message", "message": message}).to_string()
    }

    fn line(said: &str) -> Option<u32> {
        problem(said, FILE)?.place.map(|place| place.line)
    }

    #[test]
    fn a_problem_is_at_its_primary_place_in_the_answer() {
        let spans = [
            ("std/macros.rs", true, 900),
            (FILE, false, 3),
            (FILE, true, 4),
        ];
        assert_eq!(line(&told("error", &spans)), Some(4));
        assert_eq!(line(&told("error", &spans[..2])), Some(3));
        assert_eq!(line(&told("error", &spans[..1])), None);
        let whole = problem(&told("error", &spans), FILE);
        assert_eq!(whole.map(|it| it.rendered).as_deref(), Some("error: no\n"));
    }

    #[test]
    fn what_is_no_problem_is_none() {
        assert_eq!(problem("{\"reason\":\"build-finished\"}", FILE), None);
        assert_eq!(problem(&told("warning", &[]), FILE), None);
        assert!(problem(&told("error", &[]), FILE).is_some());
        assert_eq!(problem("no JSON", FILE), None);
    }
}
