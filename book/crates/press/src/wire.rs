//! What passed between a recorded run and its broker: a table, closed at first. The page's script
//! draws it when it is opened.

use catalog::{Frame, Line, Run};

use crate::html::escape;

/// The columns. A line of output takes all but the first two.
const HEAD: [&str; 6] = [
    "ms since the first row",
    "client",
    "way",
    "frame",
    "messages",
    "fields",
];

/// The table with the lines of output between the frames; empty where no frame passed.
pub(crate) fn render(run: &Run, lines: &[&Line]) -> String {
    if run.wire.is_empty() && run.rest.is_empty() {
        return String::new();
    }
    let head: String = HEAD.iter().map(|name| format!("<th>{name}</th>")).collect();
    format!(
        "<details class=\"wire\"><summary>Look inside: {} frames</summary>\
         <div class=\"wire-table\" tabindex=\"0\" role=\"region\" \
         aria-label=\"Recorded frames of {}\"><table>\
         <thead><tr>{head}</tr></thead><tbody>{}</tbody></table></div>{}</details>\n",
        run.wire.len(),
        escape(&run.command),
        rows(&run.wire, lines),
        rest(run),
    )
}

/// Frames and lines by their times, counted from the first: how long the broker took to start when
/// the run was recorded is no time of the listing's. A frame comes before the line that tells of it.
fn rows(frames: &[Frame], lines: &[&Line]) -> String {
    let times = frames.iter().map(|it| it.ms);
    let first = times.chain(lines.iter().map(|it| it.ms)).min().unwrap_or(0);
    let frames = frames.iter().map(|it| {
        let ms = it.ms - first;
        (ms, false, frame(ms, it))
    });
    let lines = lines.iter().map(|it| {
        let ms = it.ms - first;
        (ms, true, line(ms, it))
    });
    let mut rows: Vec<(u64, bool, String)> = frames.chain(lines).collect();
    rows.sort_by_key(|(ms, is_line, _)| (*ms, *is_line));
    rows.into_iter().map(|(_, _, row)| row).collect()
}

fn frame(ms: u64, frame: &Frame) -> String {
    let says = frame.says.iter();
    let says: Vec<String> = says.map(|(name, it)| format!("{name}: {it}")).collect();
    let cells = [
        ms.to_string(),
        escape(&frame.lane),
        if frame.to_broker { "sends" } else { "gets" }.to_owned(),
        escape(&frame.kind),
        escape(&frame.about.join(", ")),
        escape(&says.join("; ")),
    ];
    let cells: String = cells.iter().map(|it| format!("<td>{it}</td>")).collect();
    format!("<tr>{cells}</tr>")
}

fn line(ms: u64, line: &Line) -> String {
    let (lane, text) = (escape(&line.lane), escape(&line.text));
    format!("<tr><td>{ms}</td><td>{lane}</td><td colspan=\"4\">{text}</td></tr>")
}

/// How many frames are not in the table.
fn rest(run: &Run) -> String {
    if run.rest.is_empty() {
        return String::new();
    }
    let rest = run.rest.iter();
    let rest: Vec<String> = rest
        .map(|(kind, count)| format!("{count} {}", escape(kind)))
        .collect();
    format!("<p>Also passed: {}.</p>", rest.join(", "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn frames_and_lines_stand_by_their_times() {
        let run: Run = serde_json::from_str(
            r#"{"command": "x", "date": "2026-11-24", "lines": [],
                "wire": ["4  shop  ->  PUB  o-1  subject: a.<b>", "4  worker 1  <-  MSG  o-1  -"],
                "rest": {"PING": 2, "PONG": 2}}"#,
        )
        .unwrap();
        let lines = [
            Line::new(3, "shop  begins"),
            Line::new(4, "worker 1  got o-1"),
        ];
        let lines: Vec<&Line> = lines.iter().collect();
        insta::assert_snapshot!(render(&run, &lines).replace("<tr>", "\n<tr>"));
        // That nothing was told of it is seen, too, where something passed.
        let counted = Run {
            wire: Vec::new(),
            ..run
        };
        let html = render(&counted, &lines);
        assert!(html.contains("Look inside: 0 frames"), "{html}");
        assert!(html.contains("Also passed: 2 PING, 2 PONG."), "{html}");
        let silent = Run {
            rest: std::collections::BTreeMap::new(),
            ..counted
        };
        assert_eq!(render(&silent, &lines), "");
    }
}
