//! `{{#transcript CHAPTER/NAME}}`: a run that was recorded.

use catalog::{Chapter, Line, Run, Transcript};
use history::Strip;

use crate::highlight::command;
use crate::html::{escape, hidden};
use crate::wire;

/// The lane of the fate strip. Its lines are drawn, not shown.
const FATE: &str = "fate";

/// Takes `CHAPTER/NAME` apart; the error says what to write.
pub(crate) fn parse(argument: &str) -> Result<(&str, &str), String> {
    match argument.split_once('/') {
        Some((chapter, name)) if !chapter.is_empty() && !name.is_empty() => Ok((chapter, name)),
        _ => Err(format!(
            "`{argument}` names no transcript; write {{{{#transcript CHAPTER/NAME}}}}"
        )),
    }
}

/// The figure: the command, the lines, the fate strip, and what it ran on.
///
/// # Errors
/// When the recorded lines hold a strip that does not add up.
pub(crate) fn render(
    transcript: &Transcript,
    chapter: &Chapter,
    id: &str,
) -> Result<String, history::ParseError> {
    let lines = lines(transcript);
    let output: String = lines
        .iter()
        .filter(|line| line.lane != FATE)
        .map(|line| output_line(line, &chapter.lanes))
        .collect();
    Ok(format!(
        "<figure class=\"transcript\" id=\"{id}\">\n\
         <pre class=\"typed\"><code class=\"language-console\">{}</code></pre>\n\
         <pre class=\"output\"><code>{output}{}</code></pre>\n\
         {}{}<figcaption>{}</figcaption>\n\
         </figure>",
        command(&transcript.command),
        strip_lines(&lines),
        strip(&lines)?.map_or_else(String::new, |strip| drawn(&strip)),
        look_inside(transcript),
        caption(transcript),
    ))
}

/// What passed between the listing and its broker.
fn look_inside(transcript: &Transcript) -> String {
    let shown = |run: &Run| {
        let lines: Vec<&Line> = run.lines.iter().filter(|line| line.lane != FATE).collect();
        wire::render(run, &lines)
    };
    transcript.run.as_ref().map_or_else(String::new, shown)
}

/// The fate strip that a transcript's lines end with, if they do.
pub(crate) fn strip_of(transcript: &Transcript) -> Result<Option<Strip>, history::ParseError> {
    strip(&lines(transcript))
}

/// The strip in its place on the page.
pub(crate) fn drawn(strip: &Strip) -> String {
    format!("<div class=\"strip\">{}</div>\n", strip.html())
}

/// The lines as they were printed, or in canonical form where none were recorded.
fn lines(transcript: &Transcript) -> Vec<Line> {
    match &transcript.run {
        Some(run) => run.lines.clone(),
        None => transcript
            .canonical
            .iter()
            .map(|line| Line::new(0, line))
            .collect(),
    }
}

fn strip(lines: &[Line]) -> Result<Option<Strip>, history::ParseError> {
    if !lines.iter().any(|line| line.lane == FATE) {
        return Ok(None);
    }
    let lines: Vec<String> = lines.iter().map(Line::to_string).collect();
    Strip::parse(&lines).map(Some)
}

/// One line, its lane named and numbered.
fn output_line(line: &Line, lanes: &[String]) -> String {
    let text = escape(&line.text);
    if line.lane.is_empty() {
        return format!("{text}\n");
    }
    let number = lanes
        .iter()
        .position(|lane| *lane == line.lane)
        .unwrap_or(lanes.len());
    format!(
        "<span class=\"lane lane-{number}\">{}</span>  {text}\n",
        escape(&line.lane)
    )
}

/// The strip's lines, not seen: whoever copies the output gets what the program printed.
fn strip_lines(lines: &[Line]) -> String {
    let lines: Vec<String> = lines
        .iter()
        .filter(|line| line.lane == FATE)
        .map(Line::to_string)
        .collect();
    match lines.is_empty() {
        true => String::new(),
        false => hidden(&lines.join("\n")),
    }
}

fn caption(transcript: &Transcript) -> String {
    let ran = match &transcript.run {
        Some(run) => ran_on(run),
        None => "not recorded: the output in canonical form".to_owned(),
    };
    match transcript.status {
        0 => ran,
        status => format!("exit code {status}; {ran}"),
    }
}

fn ran_on(run: &Run) -> String {
    let Some(broker) = &run.broker else {
        return format!("recorded: ran without a broker, {}", escape(&run.date));
    };
    let broker = format!("{} {}", broker.name, broker.version);
    let parts = [broker.as_str(), &run.client, &run.date];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|part| !part.trim().is_empty())
        .map(escape)
        .collect();
    format!("recorded: ran on {}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use catalog::{Catalog, Version};

    use super::*;

    /// A chapter with the lanes shop, worker 1 and worker 2; the folder must outlive it.
    fn chapter() -> (tempfile::TempDir, Catalog) {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("chapters/ch03-queue");
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(folder.path().join("book.toml"), "").unwrap();
        std::fs::write(
            dir.join("Cargo.toml"),
            "package.name = 'ch03-queue'\n\
             package.metadata.book.lanes = ['shop', 'worker 1', 'worker 2']\n",
        )
        .unwrap();
        let catalog = Catalog::open(folder.path()).unwrap();
        (folder, catalog)
    }

    fn transcript(lines: &[&str], status: i32) -> Transcript {
        let lines: Vec<Line> = lines.iter().map(|line| Line::new(0, line)).collect();
        Transcript {
            chapter: "ch03-queue".into(),
            name: "default".into(),
            path: "x.trycmd".into(),
            command: "cargo run -p ch03-queue -- --ack auto".into(),
            status,
            canonical: lines.iter().map(Line::to_string).collect(),
            run: Some(Run {
                command: "cargo run -p ch03-queue -- --ack auto".into(),
                broker: Some(Version {
                    name: "RabbitMQ".into(),
                    version: "4.3.6".into(),
                }),
                client: "lapin 4.12.3".into(),
                date: "2026-11-24".into(),
                exit: status,
                lines,
                wire: Vec::new(),
                rest: std::collections::BTreeMap::new(),
            }),
        }
    }

    const RUN: [&str; 7] = [
        "shop  stored o-1 payment.charge",
        "worker 2  got o-1",
        "worker 2  killed while it holds o-1 & <more>",
        "worker 1  got o-1 redelivered",
        "worker 1  done o-1",
        "fate  o-1 ↻R",
        "fate  1 redelivered",
    ];

    #[test]
    fn a_run_with_its_strip() {
        let (_folder, catalog) = chapter();
        let chapter = catalog.chapter("ch03-queue").unwrap();
        insta::assert_snapshot!(render(&transcript(&RUN, 0), chapter, "t").unwrap());
    }

    #[test]
    fn a_run_that_failed_shows_its_exit_code_and_no_strip() {
        let (_folder, catalog) = chapter();
        let chapter = catalog.chapter("ch03-queue").unwrap();
        let failed = transcript(&["Error: cannot reach amqp://127.0.0.1:1"], 1);
        insta::assert_snapshot!(render(&failed, chapter, "t").unwrap());
    }

    #[test]
    fn without_a_recording_the_canonical_lines_are_shown_and_called_so() {
        let (_folder, catalog) = chapter();
        let chapter = catalog.chapter("ch03-queue").unwrap();
        let mut unrecorded = transcript(&RUN, 0);
        unrecorded.run = None;
        let html = render(&unrecorded, chapter, "t").unwrap();
        assert!(
            html.contains("<figcaption>not recorded: the output in canonical form</figcaption>")
        );
        assert!(html.contains("<span class=\"lane lane-0\">shop</span>  stored o-1"));
    }

    #[test]
    fn a_strip_that_does_not_add_up_is_an_error() {
        let (_folder, catalog) = chapter();
        let chapter = catalog.chapter("ch03-queue").unwrap();
        let wrong = transcript(&["fate  o-1 ↻R", "fate  5 done"], 0);
        assert!(render(&wrong, chapter, "t").is_err());
    }

    #[test]
    fn what_names_no_transcript_is_refused() {
        for wrong in ["", "ch03-queue", "/default", "ch03-queue/"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse("ch03-queue/default"), Ok(("ch03-queue", "default")));
    }
}
