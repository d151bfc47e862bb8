use super::*;

const TRYCMD: &str = "```console\n$ cargo run -p ch03-queue\nfate  o-1 ✕L\nfate  1 lost\n```\n";
const PREDICT: &str = r#"
ask = "How many orders are lost?"
run = "auto"
fact = "strip.lost"

[[option]]
text = "None."
value = 0
misconception = "M05"

[[option]]
text = "One."
value = 1
"#;

fn book(predict: &str) -> Book {
    Book::new()
        .file("chapters/ch03-queue/transcripts/auto.trycmd", TRYCMD)
        .file("chapters/ch03-queue/predict/lost.toml", predict)
        .file(
            "book/misconceptions.toml",
            "[M05]\nsays = 'acked = on disk'\nclaim = 'rabbit.auto-ack.loses'\npage = 'ch03-queue'\n",
        )
}

fn error(old: &str, new: &str) -> String {
    assert!(PREDICT.contains(old), "{old}");
    message(
        book(&PREDICT.replace(old, new))
            .open()
            .predict("ch03-queue", "lost"),
    )
}

#[test]
fn the_right_option_is_counted_in_the_run() {
    let (_book, catalog) = book(PREDICT).open_kept();
    let predict = catalog.predict("ch03-queue", "lost").unwrap();
    assert_eq!((predict.answer, predict.right()), (1, 1));
    assert_eq!(predict.options[predict.right()].text, "One.");
    assert_eq!(catalog.chapters()[0].predictions().unwrap(), ["lost"]);
}

#[test]
fn no_right_option_or_two_is_refused() {
    let file = "chapters/ch03-queue/predict/lost.toml";
    assert_eq!(
        error("value = 1", "value = 7"),
        format!(
            "{file}: strip.lost is 1 in the run `auto`, and no option has this value; correct one"
        )
    );
    assert_eq!(
        error("value = 0", "value = 1"),
        format!(
            "{file}: strip.lost is 1 in the run `auto`, and both `None.` and `One.` have this value; keep one"
        )
    );
}

#[test]
fn a_wrong_option_names_a_known_misconception_and_the_right_one_none() {
    let file = "chapters/ch03-queue/predict/lost.toml";
    assert_eq!(
        error("misconception = \"M05\"", ""),
        format!("{file}: the option `None.` is wrong; name the misconception behind it")
    );
    assert_eq!(
        error("M05", "M06"),
        format!("{file}: the misconception M06 is unknown; add [M06] to book/misconceptions.toml")
    );
    assert_eq!(
        error("value = 1", "value = 1\nmisconception = \"M05\""),
        format!("{file}: the option `One.` is right; remove its misconception M05")
    );
}

#[test]
fn what_does_not_exist_is_told() {
    let file = "chapters/ch03-queue/predict/lost.toml";
    assert_eq!(
        error("strip.lost", "strip.gone"),
        format!(
            "{file}: the fact `strip.gone` is unknown; use strip.done, strip.redelivered, \
             strip.duplicate, strip.lost, strip.stuck"
        )
    );
    let text = error("\"auto\"", "\"aut\"");
    assert!(text.starts_with(&format!("{file}: chapters/ch03-queue/transcripts/aut.trycmd does not exist; did you mean `auto`?")), "{text}");
    let text = error("ask =", "question =");
    assert!(
        text.starts_with(&format!("{file} is malformed: TOML parse error at line 2")),
        "{text}"
    );
    assert_eq!(
        message(book(PREDICT).open().predict("ch03-queue", "lst")),
        "chapters/ch03-queue/predict/lst.toml does not exist; did you mean `lost`?"
    );
}

#[test]
fn malformed_misconceptions_are_told_with_their_path() {
    let book = book(PREDICT).file("book/misconceptions.toml", "[M05]\nsays = 'x'\n");
    let text = message(book.open().misconceptions());
    assert!(
        text.starts_with("book/misconceptions.toml is malformed: "),
        "{text}"
    );
}
