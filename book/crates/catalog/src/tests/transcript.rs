use super::*;

const TRYCMD: &str = "\
```console
$ cargo run -p ch03-queue -- --ack auto
? 1
shop  sent o-1
worker 1  got o-1
fate  o-1 ✕L
fate  1 lost
Error: the worker is gone
```
";
const RUN: &str = r#"{
  "command": "cargo run -p ch03-queue -- --ack auto",
  "broker": { "name": "RabbitMQ", "version": "4.3.6" },
  "client": "lapin 4.12.3",
  "date": "2026-11-24",
  "exit": 1,
  "lines": [
    { "ms": 12, "lane": "worker 1", "text": "got o-1" },
    { "ms": 12, "lane": "shop", "text": "sent o-1" },
    { "ms": 13, "lane": "", "text": "Error: the worker is gone" },
    { "ms": 14, "lane": "fate", "text": "o-1 ✕L" },
    { "ms": 14, "lane": "fate", "text": "1 lost" }
  ],
  "wire": []
}"#;

fn book(trycmd: &str, run: &str) -> Book {
    Book::new()
        .file("chapters/ch03-queue/transcripts/auto.trycmd", trycmd)
        .file("chapters/ch03-queue/transcripts/auto.run.json", run)
}

fn error(trycmd: &str, run: &str) -> String {
    message(book(trycmd, run).open().transcript("ch03-queue", "auto"))
}

#[test]
fn a_transcript_is_its_two_files() {
    let (_book, catalog) = book(TRYCMD, RUN).open_kept();
    let transcript = catalog.transcript("ch03-queue", "auto").unwrap();
    assert_eq!(transcript.command, "cargo run -p ch03-queue -- --ack auto");
    assert_eq!(transcript.status, 1);
    assert_eq!(
        transcript.strip().unwrap().fates(),
        [(1, history::Fate::Lost)]
    );

    let run = transcript.run.unwrap();
    assert_eq!(run.broker.as_ref().unwrap().version, "4.3.6");
    let lanes = &catalog.chapters()[0].lanes;
    assert_eq!(
        canonical(&run.output(), lanes).unwrap(),
        transcript.canonical
    );
}

#[test]
fn what_is_written_is_read_back() {
    for (status, canonical) in [(0, vec![]), (3, vec!["shop  sent o-1".into(), "".into()])] {
        let text = Transcript::trycmd("cargo run -p ch03-queue", status, &canonical);
        let (_book, catalog) = book(&text, RUN).open_kept();
        let read = catalog.transcript("ch03-queue", "auto").unwrap();
        assert_eq!((read.status, read.canonical), (status, canonical));
    }
    let run: Run = serde_json::from_str(RUN).unwrap();
    let written = serde_json::to_string(&run).unwrap();
    assert_eq!(serde_json::from_str::<Run>(&written).unwrap(), run);
}

#[test]
fn a_run_may_be_missing_and_a_transcript_may_not() {
    let (_book, catalog) = Book::new()
        .file("chapters/ch03-queue/transcripts/auto.trycmd", TRYCMD)
        .open_kept();
    assert_eq!(catalog.transcript("ch03-queue", "auto").unwrap().run, None);
    assert_eq!(catalog.chapters()[0].transcripts().unwrap(), ["auto"]);
    assert_eq!(
        message(catalog.transcript("ch03-queue", "autos")),
        "chapters/ch03-queue/transcripts/autos.trycmd does not exist; did you mean `auto`?, \
         or record it with `cargo book accept ch03-queue/autos`"
    );
}

#[test]
fn a_malformed_run_is_told_with_path_and_place() {
    let text = error(TRYCMD, "{\n  \"command\": 1\n}");
    assert_eq!(
        text,
        "chapters/ch03-queue/transcripts/auto.run.json is malformed; record it again with \
         `cargo book accept`: invalid type: integer `1`, expected a string at line 2 column 14"
    );
    let text = error(TRYCMD, &RUN.replace("\"date\"", "\"day\""));
    assert!(text.contains("unknown field `day`"), "{text}");
}

#[test]
fn a_malformed_transcript_is_told_with_path_and_fix() {
    let file = "chapters/ch03-queue/transcripts/auto.trycmd";
    for (text, expected) in [
        (
            "",
            ": there is no ```console block; record it again with `cargo book accept`",
        ),
        (
            "```console\n",
            ": the ```console block does not begin with `$ ` and a command",
        ),
        (
            "```console\n$ cargo\nout\n",
            ": the ```console block is never closed; add ``` as its last line",
        ),
        (
            "```console\n$ cargo\n? failed\n```",
            ":3: `failed` is no exit code; write its number: invalid digit found in string",
        ),
        (
            "```console\n$ cargo\n$ cargo\n```",
            ":3: a transcript holds one command; put this one in a file of its own",
        ),
    ] {
        assert_eq!(error(text, RUN), format!("{file}{expected}"));
    }
}

#[test]
fn a_transcript_without_a_strip_says_so_when_asked() {
    let (_book, catalog) = book("```console\n$ cargo\n```", RUN).open_kept();
    let transcript = catalog.transcript("ch03-queue", "auto").unwrap();
    assert_eq!(
        message(transcript.strip()),
        "ch03-queue/transcripts/auto.trycmd: the run shows no fate strip: \
         a listing ends with `log.finish(&left)`"
    );
}

fn lines(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[test]
fn the_canonical_form_groups_by_lane_and_keeps_the_order_inside() {
    let output = lines(&[
        "worker 2  got o-2",
        "Error: broken",
        "worker 1  got o-1",
        "fate  o-1 ●D",
        "shop  sent o-2",
        "  while it worked",
        "shop  sent o-1",
        "worker 2  done o-2",
    ]);
    let grouped = canonical(&output, &lines(&["shop", "worker 1", "worker 2"])).unwrap();
    assert_eq!(
        grouped,
        [
            "shop  sent o-2",
            "shop  sent o-1",
            "worker 1  got o-1",
            "worker 2  got o-2",
            "worker 2  done o-2",
            "fate  o-1 ●D",
            "Error: broken",
            "  while it worked",
        ]
    );
}

#[test]
fn one_lane_or_none_leaves_the_output_as_it_is() {
    let output = lines(&["Error: early", "shop  sent o-1", "fate  o-1 ●D"]);
    assert_eq!(canonical(&output, &lines(&["shop"])).unwrap(), output);
    assert_eq!(canonical(&output, &[]).unwrap(), output);
}

#[test]
fn an_unknown_lane_names_the_fix() {
    for lanes in [&["shop"][..], &["shop", "worker 1"]] {
        assert_eq!(
            message(canonical(&lines(&["worker 9  got o-1"]), &lines(lanes))),
            "the lane `worker 9` of the line `worker 9  got o-1` is unknown; add it to `lanes` in \
             [package.metadata.book] of the chapter's Cargo.toml, where it belongs in the order"
        );
    }
}

#[test]
fn errors_are_kept_and_notes_before_them_are_not() {
    let stderr =
        "RabbitMQ 4.3.6, native, ready in 2.4 s\nError: refused\n\nCaused by:\n    no host\n";
    assert_eq!(
        errors(stderr),
        ["Error: refused", "", "Caused by:", "    no host"]
    );
    assert_eq!(errors("RabbitMQ 4.3.6, warm\n"), [""; 0]);
    let panic = "thread 'main' (7) panicked at src/main.rs:1:1:\nno\n";
    assert_eq!(errors(panic).len(), 2);
    assert_eq!(errors("error: unexpected argument '--x' found\n").len(), 1);
}
