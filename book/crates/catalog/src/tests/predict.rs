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
        format!(
            "{file}: the option `None.` is wrong; name the misconception behind it, or say `because = \"...\"`"
        )
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
fn a_wrong_option_may_say_why_itself() {
    let predict = PREDICT.replace("misconception = \"M05\"", "because = \"One is.\"");
    let (_book, catalog) = book(&predict).open_kept();
    let predict = catalog.predict("ch03-queue", "lost").unwrap();
    assert_eq!(predict.options[0].because.as_deref(), Some("One is."));
    assert!(error("value = 1", "value = 1\nbecause = 'it is'").ends_with("remove its `because`"));
    let both = error(
        "misconception = \"M05\"",
        "misconception = \"M05\"\nbecause = 'no'",
    );
    assert!(
        both.ends_with("which says why; remove its `because`"),
        "{both}"
    );
}

#[test]
fn events_of_a_lane_and_numbers_are_counted_too() {
    let run = "```console\n$ cargo run -p ch03-queue\nworker 1  got o-1\nworker 1  got o-2\n\
               worker 1  done o-1\nkafka  lag 3\nkafka  lag 12 of orders\nkafka  lags 9\n```\n";
    let answer = |fact: &str, value: &str| {
        let predict = PREDICT
            .replace("strip.lost", fact)
            .replace("value = 1", value);
        let book = book(&predict).file("chapters/ch03-queue/transcripts/auto.trycmd", run);
        book.open().predict("ch03-queue", "lost")
    };
    assert_eq!(answer("count.worker 1.got", "value = 2").unwrap().answer, 2);
    assert_eq!(answer("last.kafka.lag", "value = 12").unwrap().answer, 12);
    let text = message(answer("last.kafka.leg", "value = 12"));
    assert!(
        text.ends_with("no line of the lane `kafka` is `leg` and a number"),
        "{text}"
    );
    let text = message(answer("count.worker 1.took", "value = 12"));
    assert!(
        text.contains("the fact `count.worker 1.took` is unknown"),
        "{text}"
    );
}

#[test]
fn what_does_not_exist_is_told() {
    let file = "chapters/ch03-queue/predict/lost.toml";
    assert_eq!(
        error("strip.lost", "strip.gone"),
        format!(
            "{file}: the fact `strip.gone` is unknown; use strip.done, strip.redelivered, \
             strip.duplicate, strip.lost, strip.stuck, count.LANE.VERB or last.LANE.WORD"
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
